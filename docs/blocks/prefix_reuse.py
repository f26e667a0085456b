# %% reuse
import time
from pathlib import Path

from membound.decode.generate import generate
from membound.model.load import load_model
from membound.model.local import default_model_path
from membound.tokenizer.chat import turn

model = load_model(default_model_path())
system = Path("docs/blocks/data/museum.txt").read_text("utf-8").strip()


def prompt_ids(question):
    turns = turn("system", system) + turn("user", question)
    return model.tokenizer.encode(turns + "<|im_start|>assistant\n")


def ask(cache, ids):
    """The prompt tokens computed, seconds to the first token, the answer."""
    rest = ids[cache.num_tokens :]
    tokens = generate(model, rest, max_new_tokens=10, cache=cache)
    start = time.perf_counter()
    answer = [next(tokens)]
    return len(rest), time.perf_counter() - start, answer + list(tokens)


# %% ask
from membound.cache.paged import PagedMemory

questions = [
    "When do you open?",
    "What does a ticket cost for a child?",
    "Where is the oldest clock?",
    "May I bring my dog?",
    "Where can I eat something?",
]
prompts = [prompt_ids(question) for question in questions]
config = model.config
shape = config.num_layers, config.num_kv_heads, config.head_dim
memory = PagedMemory(*shape, num_blocks=64, block_size=16)
model.prefill(prompts[0], model.new_cache(len(prompts[0])))  # warm up

alone, shared = [], []
for ids in prompts:
    alone.append(ask(model.new_cache(len(ids) + 10), ids))
    shared.append(ask(memory.start(ids), ids))
# not shown
import numpy as np

from membound.bench import machine_line
from membound.page.checks import (
    band,
    brute_force,
    check,
    closed_form,
    computed,
    counted,
    measured,
)
from membound.page.tables import table
from membound.page.text import fill, say
from membound.page.values import value


def common_prefix(one, other):
    """How many first tokens two texts share, counted one by one."""
    pairs = zip(one, other, strict=False)
    return next(
        (i for i, (a, b) in enumerate(pairs) if a != b),
        min(len(one), len(other)),
    )


table(
    {
        "question": "",
        "found": "d",
        "computed": "d",
        "alone, ms": ".0f",
        "reused, ms": ".0f",
    },
    [
        (f"`{question}`", len(ids) - num, num, 1000 * old, 1000 * new)
        for question, ids, (_, old, _), (num, new, _) in zip(
            questions, prompts, alone, shared, strict=True
        )
    ],
)
say(
    "Time to the first token, each request once, in turns. Measured on: {machine}.",
    machine=machine_line(fill),
)
reusable = [
    max((common_prefix(ids, old) // 16 * 16 for old in prompts[:i]), default=0)
    for i, ids in enumerate(prompts)
]
check(
    "prompt tokens computed for five questions, with reuse",
    counted(sum(num for num, _, _ in shared)),
    brute_force(
        sum(map(len, prompts)) - sum(reusable),
        "prompts compared token by token",
    ),
)
check(
    "tokens of five answers that are the same with and without reuse",
    computed(
        sum(
            a == b
            for (_, _, one), (_, _, other) in zip(alone, shared, strict=True)
            for a, b in zip(one, other, strict=True)
        )
    ),
    brute_force(50, "each prompt computed whole"),
)
later_alone = sum(old for _, old, _ in alone[1:])
later_shared = sum(new for _, new, _ in shared[1:])
check(
    "time to the first token, whole prompt against reused, after the first request",
    measured(later_alone / later_shared),
    band(2, 80),
    spec=".1f",
)
later_tokens = sum(num for num, _, _ in alone[1:])
later_computed = sum(num for num, _, _ in shared[1:])
value("num_questions", len(prompts))
value("prompt_tokens", len(prompts[0]))
value("tokens_alone", sum(map(len, prompts)), ",d")
value("tokens_shared", sum(num for num, _, _ in shared))
value("token_ratio", later_tokens / later_computed, ".1f")
value("time_ratio", later_alone / later_shared, ".1f")
value("found", reusable[1])
value("found_blocks", reusable[1] // 16)
value("common", min(common_prefix(prompts[0], ids) for ids in prompts[1:]))
value("alone_ms", 1000 * later_alone / 4, ".0f")
value("shared_ms", 1000 * later_shared / 4, ".0f")
value("per_token_alone", 1000 * later_alone / later_tokens, ".1f")
value("per_token_shared", 1000 * later_shared / later_computed, ".1f")
value("mean_rest", later_computed / 4, ".0f")

# %% digest
from membound.cache.blocks.prefix import block_digest, prefix_digests
from membound.page.source import show_source

show_source(block_digest)
show_source(prefix_digests)

# %% chain
happy, sad = (
    model.tokenizer.encode(
        f"Tom is {feeling}. Everyone in the family can see it, and his teacher "
        "has noticed it too. When you ask them how he feels, they all say that "
        "he is very"
    )
    for feeling in ("happy", "sad")
)


def blocks(ids, size=4):
    return [tuple(ids[i : i + size]) for i in range(0, len(ids) - size, size)]


equal = sum(a == b for a, b in zip(blocks(happy), blocks(sad), strict=True))
digests = zip(prefix_digests(happy, 4), prefix_digests(sad, 4), strict=True)
chained = sum(a == b for a, b in digests)
# not shown
table(
    {"blocks of the sad text that the happy one left": "", "of 8": "d"},
    [("by their own tokens", equal), ("by the chained hash", chained)],
)
check(
    "blocks found by their own tokens",
    counted(equal),
    closed_form(len(sad) // 4 - 1, "⌊n / 4⌋ − 1"),
)
check(
    "blocks found by the chained hash",
    counted(chained),
    brute_force(common_prefix(happy, sad) // 4, "first tokens in common"),
)

# %% stranger
nothing = np.zeros((config.num_kv_heads, 0, config.head_dim), np.float32)


def layers_of(cache):
    """Each layer's keys and values (num_kv_heads, num_tokens, head_dim)."""
    return [
        cache.append(layer, nothing, nothing)
        for layer in range(config.num_layers)
    ]


theirs, ours, mixed = (model.new_cache(len(sad)) for _ in range(3))
model.prefill(happy, theirs)
right = model.prefill(sad, ours)

model.prefill(sad[:4], mixed)  # its own first block, then the stranger's
for layer, (k, v) in enumerate(layers_of(theirs)):
    mixed.append(layer, k[:, 4:32], v[:, 4:32])
mixed.advance(28)
wrong = model.prefill(sad[32:], mixed)
# not shown
from membound.page.figures import label_end, new_figure
from membound.page.palette import BAD, WITH, WITHOUT
from membound.page.show import show

words = [
    model.tokenizer.decode([int(logits.argmax())]).strip()
    for logits in (right, wrong)
]
table(
    {"the sad text, read from": "", "he is very …": ""},
    [
        ("its own blocks", f"`{words[0]}`"),
        ("seven blocks of the happy text", f"`{words[1]}`"),
    ],
)
moved = [
    float(np.linalg.norm(a[:, 4:32] - b[:, 4:32]) / np.linalg.norm(b[:, 4:32]))
    for (a, _), (b, _) in zip(layers_of(theirs), layers_of(ours), strict=True)
]
figure = new_figure(height=240)
axes = figure.axes[0]
axes.plot(range(config.num_layers), [100 * share for share in moved], color=BAD)
axes.set_ylim(bottom=0)
axes.set_xlabel("layer")
axes.set_ylabel("difference of the keys, %")
show(
    figure,
    name="stranger-keys",
    title="The same tokens, but not the same keys",
    caption="Keys of the same 28 tokens in the same places, behind “happy” and behind “sad”, by "
    "layer. In layer 0 a key knows its own token and place only; from there on it has looked back.",
    alt="Zero in layer 0, then rising to about ten percent in the last layers.",
)
check(
    "largest difference of the keys in layer 0",
    computed(moved[0]),
    closed_form(0, "0"),
    within=1e-6,
    spec=".1e",
)
check(
    "served a stranger's blocks, the model says the stranger's word: 1 if so",
    computed(int(words == ["sad", "happy"])),
    brute_force(1, "each text computed whole"),
)
value("moved_most", 100 * max(moved), ".0f")
value("logits_wrong", float(np.abs(wrong - right).max()), ".1f")

# %% misses
from membound.cache.blocks.manager import BlockManager


def found(old, new, block_size=16):
    """How many tokens of `new` need no computing once `old` has passed."""
    manager = BlockManager(num_blocks=512, block_size=block_size)
    manager.start("old")
    manager.reserve("old", len(old))
    manager.commit("old", len(old), old)
    manager.free("old")
    return manager.start("new", new)


old, answer = prompts[0], alone[0][2]
date = model.tokenizer.encode("It is the 3rd of May. ")
next_turn = model.tokenizer.encode("<|im_end|>\n" + turn("user", questions[1]))
next_prompts = {
    "the same prompt again": old,
    "another question": prompts[1],
    "the conversation goes on": old + answer + next_turn,
    "a date at the end": old + date,
    "a date at the beginning": date + old,
    "one token changed at the beginning": [old[0] + 1, *old[1:]],
}
num_found = {
    name: found(old + answer, ids) for name, ids in next_prompts.items()
}
# not shown
in_common = {
    name: common_prefix(old + answer, ids) for name, ids in next_prompts.items()
}
table(
    {"next prompt": "", "tokens": "d", "the same at first": "d", "found": "d"},
    [
        (name, len(ids), in_common[name], num_found[name])
        for name, ids in next_prompts.items()
    ],
)
for name, ids in next_prompts.items():
    check(
        f"tokens found: {name}",
        counted(num_found[name]),
        brute_force(
            min(in_common[name], len(ids) - 1) // 16 * 16,
            "whole blocks of the common beginning",
        ),
    )
value("date_tokens", len(date))
value("again_found", num_found["the same prompt again"])

# %% staircase
changed = [
    [*old[:place], old[place] + 1, *old[place + 1 :]]
    for place in range(len(old))
]
steps = {
    size: [found(old, ids, size) for ids in changed] for size in (1, 16, 64)
}
# not shown
figure = new_figure()
axes = figure.axes[0]
for size, color in ((1, WITHOUT), (16, WITH), (64, BAD)):
    axes.step(range(len(old)), steps[size], where="post", color=color)
    label_end(axes, fill("blocks of {size}", size=size))
axes.set_xlabel("place of the changed token")
axes.set_ylabel("tokens found")
show(
    figure,
    name="staircase",
    title="A change costs everything behind it, and the block that it is in",
    caption="One token of a prompt is changed. The tokens that are found are those before it, as "
    "far as they fill whole blocks.",
    alt="Three lines that rise with the place of the change: a straight one for blocks of one "
    "token, stairs of 16, and high stairs of 64.",
)
check(
    "tokens found, summed over all places of the change, blocks of 16",
    counted(sum(steps[16])),
    closed_form(sum(i // 16 * 16 for i in range(len(old))), "Σ 16⌊i/16⌋"),
    spec=",d",
)
lost = {size: np.subtract(steps[1], steps[size]).mean() for size in (16, 64)}
value("lost_16", lost[16], ".1f")
value("lost_64", lost[64], ".1f")

# %% eviction
import copy

manager = BlockManager(num_blocks=6, block_size=4)


def visit(name):
    """A request of 9 tokens: two whole blocks and one more token."""
    text = [ord(name)] * 9
    num_found = manager.start(name, text)
    manager.reserve(name, 9 - num_found)
    manager.commit(name, 9 - num_found, text[num_found:])
    manager.free(name)
    return num_found // 4


def kept(name):
    """How many of a text's blocks a next visit would find."""
    return copy.deepcopy(manager).start("probe", [ord(name)] * 9) // 4


trace = "ABACBA"
history = [(visit(name), *map(kept, "ABC")) for name in trace]
# not shown
table(
    {
        "request": "",
        "blocks found": "d",
        "kept of A": "d",
        "kept of B": "d",
        "kept of C": "d",
    },
    [(f"`{name}`", *row) for name, row in zip(trace, history, strict=True)],
)


def lru(trace):
    """The same with a plain list, least recently used first."""
    idle, hits = [], []
    for name in trace:
        hits.append(sum((name, i) in idle for i in range(2)))
        others = [block for block in idle if block[0] != name]
        # A visit needs 3 of the 6 blocks; the end of a text is given up first.
        idle = [*others[max(0, len(others) - 3) :], (name, 1), (name, 0)]
    return hits


for place, hits in enumerate(lru(trace)):
    check(
        fill("blocks found by request {n} of the trace", n=place + 1),
        counted(history[place][0]),
        brute_force(hits, "a list, least recently used first"),
    )


# %% cycle
def hit_rate(order, room):
    """Share of a prefix of 12 blocks that is found, with room for so many."""
    manager = BlockManager(num_blocks=13 * room, block_size=16)
    num_found = 0
    for step, prefix in enumerate(order):
        text = [prefix] * 192 + [-step]  # 12 blocks, and one more token
        old = manager.start(step, text)
        manager.reserve(step, 193 - old)
        manager.commit(step, 193 - old, text[old:])
        manager.free(step)
        num_found += old
    return num_found / (192 * len(order))


rng = np.random.default_rng(0)
popular = 1 / np.arange(1, 9)  # the second is asked for half as often
orders = {
    "in turn": [step % 8 for step in range(160)],
    "drawn": rng.choice(8, 160, p=popular / popular.sum()).tolist(),
}
# not shown
rooms = range(1, 11)
rates = {
    name: {room: hit_rate(order, room) for room in rooms}
    for name, order in orders.items()
}
figure = new_figure()
axes = figure.axes[0]
for name, color in (("in turn", BAD), ("drawn", WITH)):
    percent = [100 * rate for rate in rates[name].values()]
    axes.plot(rooms, percent, "o-", color=color)
    label_end(axes, name)
axes.set_ylim(0, 105)
axes.set_xlabel("prefixes that fit into memory")
axes.set_ylabel("% of the prefixes' tokens found")
show(
    figure,
    name="cycle",
    title="In turn, the least recently used is the one needed next",
    caption="160 requests with one of eight prefixes each. Drawn by popularity, a memory for a few "
    "of them finds most; in turn, a memory for six finds nothing.",
    alt="Drawn requests find ever more as memory grows; requests in turn find nothing up to six "
    "prefixes, and nearly all from eight.",
)
check(
    "tokens found, eight prefixes in turn and room for six",
    counted(rates["in turn"][6]),
    closed_form(0, "0"),
)
check(
    "share of tokens found, eight prefixes in turn and room for eight",
    counted(rates["in turn"][8]),
    closed_form(1 - 8 / 160, "1 − 8/160"),
    spec=".3f",
)
value("drawn_4", 100 * rates["drawn"][4], ".0f")
value("turn_7", 100 * rates["in turn"][7], ".0f")
value("turn_8", 100 * rates["in turn"][8], ".0f")

# %% cost
from membound.bench import measure

hashing = measure(lambda: list(prefix_digests(old, 16)), repeats=20).median_s
check(
    "time to hash a prompt, as a share of computing it",
    measured(hashing / (later_alone / 4)),
    band(0, 0.01),
    spec=".1e",
)
value("hash_us", 1e6 * hashing, ".0f")


# %% bug-all
def find(known, token_ids):
    """The blocks of a text that somebody has processed before."""
    found = []
    for digest in prefix_digests(token_ids, 16):
        if digest not in known:
            break
        found.append(known[digest])
    return found


text = old[:64]
known = {digest: block for block, digest in enumerate(prefix_digests(text, 16))}
rest = text[16 * len(find(known, text)) :]

# %% bug-all-answer
try:
    model.prefill(rest, model.new_cache(64))
    refusal = ""
except ValueError as error:
    refusal = str(error)
check(
    "tokens left to compute when all blocks are found",
    counted(len(rest)),
    closed_form(0, "64 − 4 · 16"),
)
check(
    "tokens that the block manager finds of the same 64",
    counted(found(text, text)),
    closed_form(48, "⌊63 / 16⌋ · 16"),
)
value("bug_refusal", refusal)
value("bug_found", found(text, text))

# %% at-once
manager = BlockManager(num_blocks=64, block_size=16)
at_once = [manager.start(name, ids) for name, ids in enumerate(prompts[2:4])]
for name, ids in enumerate(prompts[2:4]):
    manager.reserve(name, len(ids))
    manager.commit(name, len(ids), ids)
num_held = manager.pool.num_blocks - manager.pool.num_available
check(
    "tokens found by two requests that start at once",
    counted(sum(at_once)),
    closed_form(0, "0"),
)
check(
    "blocks that two requests hold which started at once",
    counted(num_held),
    closed_form(2 * -(-len(prompts[2]) // 16), "2 · ⌈n / 16⌉"),
)
value("at_once_held", num_held)

# %% conversation
from itertools import pairwise

conversation = rng.integers(0, 999, 1000).tolist()
turns = [conversation[:end] for end in range(100, 1001, 100)]
new_tokens = [100] + [
    len(now) - found(before, now) for before, now in pairwise(turns)
]
check(
    "tokens computed in ten turns without reuse",
    counted(sum(map(len, turns))),
    closed_form(100 * 10 * 11 // 2, "100 · n(n+1)/2"),
    spec=",d",
)
check(
    "tokens computed in ten turns with reuse",
    counted(sum(new_tokens)),
    closed_form(
        sum(100 * n - 100 * (n - 1) // 16 * 16 for n in range(1, 11)),
        "Σ 100n − 16⌊100(n−1)/16⌋",
    ),
    spec=",d",
)
value("turns_without", sum(map(len, turns)), ",d")
value("turns_with", sum(new_tokens), ",d")
