# %% mix
from membound.cache.fragmentation import request_mix

# Some are over 2048 and drawn again, so these are not yet the means.
requests = request_mix(
    200, mean_prompt=180, mean_output=340, spread=0.8, max_tokens=2048
)
num_slots = 15_700  # what an A100 of 40 GB has left beside OPT-13B
# not shown
import numpy as np

from membound.cache.contiguous import ContiguousCache
from membound.page.checks import allocated, check, counted, published
from membound.page.tables import table
from membound.page.text import fill
from membound.page.values import value
from membound.units import GIB

lengths = np.array(
    [(r.num_prompt, r.num_output, r.num_tokens) for r in requests]
)
table(
    {"200 requests": "", "prompt": ",.0f", "answer": ",.0f", "both": ",.0f"},
    [
        ("mean", *lengths.mean(axis=0)),
        ("median", *np.median(lengths, axis=0)),
        ("longest", *lengths.max(axis=0)),
    ],
)
PAPER = "[Kwon et al. 2023](https://arxiv.org/abs/2309.06180)"
one_token = ContiguousCache(40, 40, 128, 1, dtype=np.float16)
check(
    "tokens of OPT-13B whose keys and values fit 12 GiB",
    allocated(12 * GIB / one_token.nbytes, "nbytes"),
    published(num_slots, PAPER + ", table 1"),
    within=50,
    spec=",.0f",
)
for name, mean, theirs in zip(
    ("prompt", "answer"), lengths.mean(axis=0), (161.31, 337.99), strict=False
):
    check(
        f"mean length of the requests, in tokens: {name}",
        counted(mean),
        published(theirs, PAPER + ", figure 11"),
        within=5,
        spec=".1f",
    )
value("mean_prompt", lengths[:, 0].mean(), ".0f")
value("mean_answer", lengths[:, 1].mean(), ".0f")

# %% contiguous
from membound.cache.fragmentation import RESERVATIONS, contiguous_usage

usage = {
    policy: contiguous_usage(requests, num_slots, policy)
    for policy in RESERVATIONS
}
shares = {policy: used.shares() for policy, used in usage.items()}
# not shown
from membound.page.checks import closed_form

PARTS = {
    "token_states": "tokens",
    "reservation": "reserved",
    "internal": "internal",
    "external": "external",
}
table(
    {
        "room for each request": "",
        **{f"{part}, %": ".1f" for part in PARTS.values()},
    },
    [
        (policy, *(100 * share for share in shares[policy].values()))
        for policy in RESERVATIONS
    ],
)
check(
    "share of slots outside the reservations of 2048, of 15,700",
    counted(shares["max"]["external"]),
    closed_form(1 - 7 * 2048 / num_slots, "1 − 7 · 2048 / 15700"),
    within=1e-9,
    spec=".4f",
)
p, o = lengths[:, 0], lengths[:, 1]
held_alone = (o * (p + o / 2)).sum() / (o * 2048).sum()
predicted = held_alone * 7 * 2048 / num_slots
check(
    "share of slots that hold a token, 2048 reserved",
    counted(shares["max"]["token_states"]),
    closed_form(predicted, "7 · Σ o(p + o/2) / (15700 · Σ o)"),
    within=0.03,
    spec=".3f",
)
value("held_alone", 100 * held_alone, ".1f")
value("max_share", 100 * shares["max"]["token_states"], ".1f")
value("max_predicted", 100 * predicted, ".1f")
value("pow2_share", 100 * shares["power of two"]["token_states"], ".1f")
oracle = {part: 100 * share for part, share in shares["oracle"].items()}
value("oracle_share", oracle["token_states"], ".1f")
value("oracle_waste", 100 - oracle["token_states"], ".0f")
value("oracle_reserved", oracle["reservation"], ".0f")
value("oracle_external", oracle["external"], ".0f")

# %% tables
from membound.cache.blocks.manager import BlockManager

manager = BlockManager(num_blocks=8, block_size=4)


def grow(name, num_new):
    manager.reserve(name, num_new)  # takes blocks only if it must
    manager.commit(name, num_new)


for name in "AB":
    manager.start(name)
for num_new in (5, 1, 1, 1, 1, 1):  # a prompt of 5, then token by token
    grow("A", num_new)
    grow("B", num_new)
together = {name: manager.block_table(name).tolist() for name in "AB"}
manager.free("A")
manager.start("C")
grow("C", 15)
after = {name: manager.block_table(name).tolist() for name in "BC"}
# not shown
table(
    {"sequence": "", "tokens": "d", "block table": "", "empty slots": "d"},
    [
        (f"`{name}`", size, f"`{blocks}`", 4 * len(blocks) - size)
        for name, size, blocks in (
            ("A", 10, together["A"]),
            ("B", 10, together["B"]),
            ("C", 15, after["C"]),
        )
    ],
)
check(
    "blocks of a freed sequence that the next one uses again",
    counted(len(set(together["A"]) & set(after["C"]))),
    closed_form(3, "⌈10 / 4⌉"),
)
value("a_block", together["A"][9 // 4])

# %% gather
from membound.attention.paged import gather
from membound.page.source import show_source

show_source(gather)

# %% equal
from membound.attention.paged import paged_attention, paged_attention_in_place
from membound.attention.plain import attention

rng = np.random.default_rng(0)
q = rng.normal(size=(9, 1, 64)).astype(np.float32)  # 9 query heads, 3 of keys
k, v = rng.normal(size=(2, 3, 512, 64)).astype(np.float32)

block_table = rng.permutation(40)[:32]  # 32 blocks of 16, anywhere in 40
k_store, v_store = np.full((2, 3, 40, 16, 64), np.nan, np.float32)
for index, block in enumerate(block_table):
    k_store[:, block] = k[:, 16 * index : 16 * (index + 1)]
    v_store[:, block] = v[:, 16 * index : 16 * (index + 1)]

plain = attention(q, k, v)
copied = paged_attention(q, k_store, v_store, block_table, 512)
in_place = paged_attention_in_place(q, k_store, v_store, block_table, 512)
# not shown
from membound.page.checks import brute_force, computed

differences = {
    "blocks copied together": float(np.abs(copied - plain).max()),
    "each block read where it lies": float(np.abs(in_place - plain).max()),
}
table(
    {"keys": "", "largest difference from contiguous keys": ".1e"},
    list(differences.items()),
)
for name, within in zip(differences, (0, 1e-6), strict=True):
    check(
        f"largest difference from contiguous keys: {name}",
        computed(differences[name]),
        brute_force(0, "plain attention"),
        within=within,
        spec=".1e",
    )

# %% greedy
from membound.cache.paged import PagedMemory
from membound.decode.generate import generate
from membound.model.load import load_model
from membound.model.local import default_model_path

model = load_model(default_model_path())
config = model.config
shape = config.num_layers, config.num_kv_heads, config.head_dim
prompt = model.tokenizer.encode(
    "Once upon a time, in a village at the edge of a great forest, there lived "
    "a clockmaker who had never once been late. One winter morning all of her "
    "clocks stopped at the same moment. She put on her coat, took her lamp and"
)


def scattered(num_slots, block_size):
    """A sequence whose blocks come in no order, as after long use."""
    memory = PagedMemory(
        *shape, num_blocks=num_slots // block_size, block_size=block_size
    )
    pool = memory.manager.pool
    blocks = [pool.take() for _ in range(pool.num_blocks)]
    for block in rng.permutation(blocks).tolist():
        pool.release(block)
    return memory.start()


# %% same
def greedy_run(cache):
    """Each step's logits, and the 24 tokens that they chose."""
    logits = []

    def choose(row):
        logits.append(row.copy())
        return int(row.argmax())

    tokens = generate(
        model, prompt, max_new_tokens=24, cache=cache, sampler=choose
    )
    return list(tokens), np.array(logits)


paged = scattered(128, block_size=16)
paged_tokens, paged_logits = greedy_run(paged)
tokens, logits = greedy_run(model.new_cache(128))
same_tokens = sum(a == b for a, b in zip(paged_tokens, tokens, strict=True))
same_logits = int((paged_logits == logits).sum())
# not shown
table(
    {"24 greedy tokens of SmolLM2-135M": "", "the same": ",d", "of": ",d"},
    [
        ("tokens", same_tokens, len(tokens)),
        ("logits, bit for bit", same_logits, logits.size),
    ],
)
check(
    "greedy tokens that are the same over scattered blocks",
    computed(same_tokens),
    brute_force(len(tokens), "a contiguous cache"),
)
check(
    "logits of 24 steps that are the same bit for bit over scattered blocks",
    computed(same_logits),
    brute_force(logits.size, "a contiguous cache"),
    spec=",d",
)
value("greedy_table", str(paged.block_table.tolist()))

# %% paged
from membound.cache.fragmentation import paged_usage

usage["paged"] = paged_usage(requests, num_slots, block_size=16)
shares["paged"] = usage["paged"].shares()
# not shown
from membound.page.figures import label_end, new_figure
from membound.page.palette import (
    BAD,
    CACHE,
    INK,
    MEASURED,
    MUTED,
    PREDICTED,
    PREFILL,
)
from membound.page.show import show

theirs = {"max": 20.4, "power of two": 26.8, "oracle": 38.2, "paged": 96.3}
# The other parts of the paper's first column.
theirs_of_max = {"reservation": 13.3, "internal": 57.3, "external": 8.9}
ours = {
    part: np.array([100 * shares[policy][part] for policy in theirs])
    for part in PARTS
}
figure = new_figure()
axes = figure.axes[0]
low = np.zeros(len(theirs))
for part, color in zip(PARTS, (CACHE, PREFILL, BAD, MUTED), strict=True):
    axes.bar(list(theirs), ours[part], bottom=low, width=0.55, color=color)
    low += ours[part]
axes.plot(list(theirs.values()), "D", color=INK)
figure.legend(
    [*(bars[0] for bars in axes.containers), axes.lines[0]],
    [*PARTS.values(), "tokens, paper"],
    loc="outside lower left",
    ncols=3,
    frameon=False,
    columnspacing=1.2,
    handlelength=1.2,
)
axes.set_ylabel("% of the slots")
show(
    figure,
    name="waste",
    title="Only pages hold more tokens than air",
    caption="What the slots of a full memory are kept for, simulated with four ways to give room "
    "to a request. The diamonds are the shares of tokens that Kwon et al. print in figure 2.",
    alt="Four stacked bars. Tokens fill a fifth, under a third, two fifths and nearly all of the "
    "memory; the paper's shares lie close by.",
)
for policy, paper in theirs.items():
    check(
        f"share of slots that hold a token, %: {policy}",
        counted(100 * shares[policy]["token_states"]),
        published(paper, PAPER + ", figure 2"),
        within=6,
        spec=".1f",
    )
for part, paper in theirs_of_max.items():
    check(
        f"share of slots, 2048 reserved, %: {PARTS[part]}",
        counted(100 * shares["max"][part]),
        published(paper, PAPER + ", figure 2"),
        within=6,
        spec=".1f",
    )
paged = ours["token_states"][3]
value("paged_share", paged, ".1f")
value("paged_waste", 100 - paged, ".1f")
value("paged_external", ours["external"][3], ".1f")
value("batch_gain", paged / ours["token_states"][0], ".1f")
value("oracle_gain", paged / ours["token_states"][2], ".1f")

# %% block-size
from membound.cache.blocks.table import num_blocks_for

sizes = [4, 16, 64, 256, 1024, 2048]
by_size = {
    size: paged_usage(requests, num_slots, block_size=size) for size in sizes
}


def expected_share(block_size):
    """Each request alone, from its first token to its last."""
    lives = [np.arange(r.num_prompt, r.num_tokens) for r in requests]
    blocks = [num_blocks_for(life, block_size) for life in lives]
    return sum(map(np.sum, lives)) / sum(map(np.sum, blocks)) / block_size


# not shown
shares_by_size = {size: used.shares() for size, used in by_size.items()}
held = {
    size: found["token_states"] / (1 - found["external"])
    for size, found in shares_by_size.items()
}
expected = {int(size): expected_share(size) for size in 2 ** np.arange(12)}
figure = new_figure()
axes = figure.axes[0]
axes.plot(
    list(expected),
    [100 * share for share in expected.values()],
    color=PREDICTED,
)
label_end(axes, "each request alone")
axes.plot(sizes, [100 * held[size] for size in sizes], "o", color=MEASURED)
axes.annotate(
    "simulated",
    (256, 100 * held[256]),
    xytext=(-8, -4),
    textcoords="offset points",
    horizontalalignment="right",
    verticalalignment="top",
    color=MEASURED,
)
axes.set_xscale("log", base=2)
axes.set_ylim(0, 105)
axes.set_xlabel("tokens in a block")
axes.set_ylabel("% of the slots in taken blocks that hold a token")
show(
    figure,
    name="block-size",
    title="Small blocks waste little, and the largest is a reservation",
    caption="The share of slots that hold a token, by the size of a block, for the mix above. "
    "The line takes each request alone; the dots are the full memory with all of them.",
    alt="The share is over 98 % up to blocks of 16 tokens, then falls to 23 % at 2048.",
)
for size in sizes:
    check(
        fill("share of taken slots with a token, blocks of {size}", size=size),
        counted(held[size]),
        brute_force(expected[size], "each request alone"),
        within=0.04,
        spec=".3f",
    )
check(
    "tokens held over all steps with one page of 2048 for each request",
    counted(by_size[2048].token_states),
    brute_force(usage["max"].token_states, "2048 reserved"),
    spec=",d",
)
held_now = np.concatenate(
    [np.arange(r.num_prompt, r.num_tokens) for r in requests]
)
check(
    "mean number of empty slots behind a sequence, blocks of 16",
    brute_force((-held_now % 16).mean()),
    closed_form(15 / 2, "(16 − 1) / 2"),
    within=0.1,
    spec=".2f",
)
value("mean_held", held_now.mean(), ".0f")
value("waste_16", 100 - 100 * expected[16], ".1f")
value("waste_256", 100 - 100 * expected[256], ".0f")
value("share_256", 100 * shares_by_size[256]["token_states"], ".0f")
value("share_1024", 100 * shares_by_size[1024]["token_states"], ".0f")
value("share_2048", 100 * shares_by_size[2048]["token_states"], ".1f")

# %% fork
from membound.sampling.sampler import Sampler


def answer(cache, seed):
    """An iterator over 16 tokens, drawn when they are asked for."""
    choose = Sampler(seed=seed, top_k=40)
    return generate(
        model, prompt[-1:], max_new_tokens=16, cache=cache, sampler=choose
    )


# %% samples
memory = PagedMemory(*shape, num_blocks=64, prefix_caching=False)
first = memory.start()
model.prefill(prompt[:-1], first)
caches = [first, first.fork(), first.fork(), first.fork()]
at_the_fork = [cache.block_table.tolist() for cache in caches]

answers = [answer(cache, seed) for seed, cache in enumerate(caches)]
tokens = list(zip(*answers, strict=True))  # one of each answer, in turns
in_the_end = [cache.block_table.tolist() for cache in caches]
# not shown
texts = [
    model.tokenizer.decode(ids[:6]).replace("\n", " ")
    for ids in zip(*tokens, strict=True)
]
table(
    {"at the fork": "", "in the end": "", "the clockmaker": ""},
    [
        (f"`{before}`", f"`{then}`", f"`…{text} …`")
        for before, then, text in zip(
            at_the_fork, in_the_end, texts, strict=True
        )
    ],
)
pool = memory.manager.pool
num_taken = pool.num_blocks - pool.num_available
num_past = len(prompt) - 1
num_final = num_past + 16
full, blocks_each = num_past // 16, num_blocks_for(num_final, 16)
check(
    "blocks that four answers to one prompt hold",
    counted(num_taken),
    closed_form(full + 4 * (blocks_each - full), "⌊p/16⌋ + 4(⌈n/16⌉ − ⌊p/16⌋)"),
)
check(
    "blocks that were copied, for four answers",
    counted(len({blocks[full] for blocks in in_the_end}) - 1),
    closed_form(3, "4 − 1"),
)
apart = []
for seed in range(4):
    alone = model.new_cache(num_final)
    model.prefill(prompt[:-1], alone)
    apart.append(list(answer(alone, seed)))
check(
    "tokens that are the same in four runs that share nothing, of 64",
    computed(int((np.array(apart) == np.transpose(tokens)).sum())),
    brute_force(64, "four contiguous caches"),
)
value("fork_taken", num_taken)
value("fork_apart", 4 * blocks_each)
value("fork_prompt", num_past)
value("fork_full", full)
value("fork_last", num_past - 16 * full)
value("fork_saved", 100 * (1 - num_taken / (4 * blocks_each)), ".0f")

# %% indirection
from membound.bench import interleave, machine_line

caches = {
    "contiguous": model.new_cache(520),
    "side by side": PagedMemory(*shape, num_blocks=40).start(),
    **{size: scattered(640, size) for size in (64, 16, 1)},
}
# not shown
from membound.page.checks import band, measured
from membound.page.text import say

context = 512
kept = rng.normal(size=(2, config.num_kv_heads, context, config.head_dim))
kept = kept.astype(np.float32)
for cache in caches.values():  # any keys will do: they take the same time
    for layer in range(config.num_layers):
        cache.append(layer, *kept)
    cache.advance(context)


def step(cache):
    """Three tokens, and back again."""
    for token_id in prompt[:3]:
        model.decode(token_id, cache)
    cache.truncate(context)


timings = interleave(
    {name: lambda cache=cache: step(cache) for name, cache in caches.items()},
    repeats=7,
)
base = timings["contiguous"].fastest_s
relative = {name: timing.fastest_s / base for name, timing in timings.items()}
table(
    {
        "keys and values of 512 tokens": "",
        "ms per token": ".1f",
        "times contiguous": ".2f",
    },
    [
        (
            fill("blocks of {size}, in no order", size=name)
            if isinstance(name, int)
            else name,
            1000 * timing.fastest_s / 3,
            relative[name],
        )
        for name, timing in timings.items()
    ],
)
say(
    "Measured on: {machine}. The fastest of 7 runs, taken in turns.",
    machine=machine_line(fill),
)
kept_bytes = model.new_cache(context).nbytes
weight_bytes = model.weights.bytes_read_per_token
for name in ("side by side", 16):
    check(
        "a decode step over blocks of 16 in no order, times contiguous"
        if name == 16
        else "a decode step over blocks side by side, times contiguous",
        measured(relative[name]),
        band(0.7, 1.8),
        spec=".2f",
    )
value("indirection_16", relative[16], ".2f")
value("indirection_side", relative["side by side"], ".2f")
value("kept_mb", kept_bytes / 1e6, ".0f")
value("weights_mb", weight_bytes / 1e6, ".0f")
value(
    "indirection_predicted",
    1 + 2 * kept_bytes / (weight_bytes + kept_bytes),
    ".2f",
)

# %% preempt
memory = PagedMemory(
    *shape, num_blocks=40, num_swap_blocks=40, prefix_caching=False
)
text = (prompt * 6)[:256]
running = {"swap": memory.start(), "recompute": memory.start()}
before = {name: model.prefill(text, kept) for name, kept in running.items()}


def swap():
    running["swap"].swap_out()  # its blocks serve others now
    running["swap"].swap_in()


def recompute():
    running["recompute"].free()
    running["recompute"] = memory.start()
    model.prefill(text, running["recompute"])


timings = interleave(
    {"swap": swap, "recompute": recompute}, warmup=1, repeats=2
)
# not shown
away = {name: timing.median_s for name, timing in timings.items()}
num_moved = 2 * len(running["swap"].block_table)
table(
    {
        "256 tokens away and back": "",
        "tokens computed": "d",
        "blocks moved": "d",
        "ms": ",.1f",
    },
    [
        ("swapped", 0, num_moved, 1000 * away["swap"]),
        ("recomputed", len(text), 0, 1000 * away["recompute"]),
    ],
)
contiguous = model.new_cache(len(text) + 1)
model.prefill(text, contiguous)
next_logits = model.decode(prompt[0], contiguous)
for name, kept in running.items():
    check(
        "logits after a sequence came back that differ: swapped"
        if name == "swap"
        else "logits after a sequence came back that differ: recomputed",
        computed(int((model.decode(prompt[0], kept) != next_logits).sum())),
        brute_force(0, "a contiguous cache, never interrupted"),
    )
check(
    "blocks moved to swap 256 tokens out and in",
    counted(num_moved),
    closed_form(2 * 256 // 16, "2 · 256 / 16"),
)
check(
    "time to recompute 256 tokens, times that to swap them",
    measured(away["recompute"] / away["swap"]),
    band(1.5, 5000),
    spec=",.0f",
)
value("swap_ratio", away["recompute"] / away["swap"], ",.0f")
value("swap_mb", num_moved * memory.block_bytes / 1e6, ".0f")
value("swap_ms", 1000 * away["swap"], ".1f")
value("recompute_ms", 1000 * away["recompute"], ".0f")

# %% bug-fork
slots = np.zeros((4, 4), int)  # 4 blocks of 4; a token's id stands for its key


def write(table, position, token_id):
    slots[table[position // 4], position % 4] = token_id


def read(table, num_tokens):
    return [int(slots[table[i // 4], i % 4]) for i in range(num_tokens)]


first_table = [0, 1]
for position, token_id in enumerate([11, 12, 13, 14, 15, 16]):
    write(first_table, position, token_id)
second_table = list(first_table)  # a second answer to the same prompt

write(first_table, 6, 71)
write(second_table, 6, 72)

# %% bug-fork-answer
from membound.cache.blocks.errors import SharedBlockError

manager = BlockManager(num_blocks=4, block_size=4)
manager.start("first")
manager.reserve("first", 6)
manager.commit("first", 6)
manager.fork("first", "second")
try:
    manager.slots("first", 1)  # where would the seventh token go?
    refusal = ""
except SharedBlockError as error:
    refusal = str(error)
check(
    "the seventh token that the first answer reads back",
    computed(read(first_table, 7)[6]),
    closed_form(72, "72"),
)
check(
    "writes to a shared block that the block manager lets pass",
    counted(int(not refusal)),
    closed_form(0, "0"),
)
value("bug_first", str(read(first_table, 7)[-3:]))
value("bug_refusal", refusal)

# %% bug-free
free, tables = [3, 2, 1, 0], {}


def start(name, num_blocks):
    tables[name] = [free.pop() for _ in range(num_blocks)]


def fork(name, new_name):
    tables[new_name] = list(tables[name])


def finish(name):
    free.extend(tables.pop(name))


start("first", 2)
fork("first", "second")
finish("first")  # the second goes on
start("other", 2)

# %% bug-free-answer
manager = BlockManager(num_blocks=4, block_size=4)
manager.start("first")
manager.reserve("first", 8)
manager.commit("first", 8)
manager.fork("first", "second")
manager.free("first")
manager.start("other")
manager.reserve("other", 8)
apart = {*manager.block_table("second")} & {*manager.block_table("other")}
mixed = {*tables["second"]} & {*tables["other"]}
check(
    "blocks that two users write to when a shared block is freed too early",
    counted(len(mixed)),
    closed_form(2, "2"),
)
check(
    "the same with the block manager's counts of holders",
    counted(len(apart)),
    closed_form(0, "0"),
)
value("bug_mixed", str(sorted(mixed)))

# %% long
long_request = np.arange(7000, 9000)  # a prompt of 7000 and an answer of 2000
long_waste = {
    size: 1
    - long_request.sum() / (size * num_blocks_for(long_request, size)).sum()
    for size in (16, 128)
}
for size, wasted in long_waste.items():
    check(
        fill(
            "share of empty slots at 8,000 tokens, blocks of {size}", size=size
        ),
        brute_force(wasted),
        closed_form(
            (size - 1) / (2 * 8000 + size - 1), "(B − 1) / (2L + B − 1)"
        ),
        within=0.0005,
        spec=".4f",
    )
value("long_waste_16", 100 * long_waste[16], ".2f")
value("long_waste_128", 100 * long_waste[128], ".1f")
