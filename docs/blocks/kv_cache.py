# %% mask
import numpy as np

from membound.attention.plain import attention

rng = np.random.default_rng(0)
# One head, six tokens.
q, k, v = rng.normal(size=(3, 1, 6, 8)).astype(np.float32)


def num_moved(visible):
    """How many of the first five outputs change when a sixth token arrives."""
    before = attention(q[:, :5], k[:, :5], v[:, :5], visible=visible[:5, :5])
    after = attention(q, k, v, visible=visible)[:, :5]
    return int((np.abs(after[0] - before[0]) > 1e-6).any(axis=-1).sum())


masked = num_moved(np.tri(6, dtype=bool))
unmasked = num_moved(np.ones((6, 6), bool))
# not shown
from membound.page.checks import check, closed_form, counted
from membound.page.tables import table
from membound.page.values import value

table(
    {"mask": "", "of the first 5 outputs, moved by a sixth token": "d"},
    [("causal", masked), ("none", unmasked)],
)
check(
    "outputs moved by a later token, causal mask",
    counted(masked),
    closed_form(0, "0"),
)
check(
    "outputs moved by a later token, no mask",
    counted(unmasked),
    closed_form(5, "5"),
)

# %% source-uncached
from membound.attention.counted import CountedAttention
from membound.page.source import show_source

show_source(CountedAttention.run_uncached)

# %% source-cached
show_source(CountedAttention.run_cached)

# %% counts
layer = CountedAttention(hidden_size=64, num_heads=4, seed=0)
lengths = [10, 20, 50, 100, 200, 500]
inputs = rng.normal(size=(max(lengths), 64)).astype(np.float32)

uncached = {n: layer.run_uncached(inputs[:n]) for n in lengths}
cached = {n: layer.run_cached(inputs[:n]) for n in lengths}
# not shown
from membound.page.checks import brute_force, computed
from membound.page.text import fill, say

table(
    {
        "tokens n": "d",
        "keys computed, no cache": ",d",
        "with cache": ",d",
        "ratio": ".1f",
    },
    [
        (n, a.num_projected, b.num_projected, a.num_projected / b.num_projected)
        for n in lengths
        for a, b in [(uncached[n], cached[n])]
    ],
)
for n in lengths:
    a, b = uncached[n], cached[n]
    check(
        fill("keys computed without a cache, n = {n}", n=n),
        counted(a.num_projected),
        closed_form(n * (n + 1) // 2, "n(n+1)/2"),
    )
    check(
        fill("keys computed with a cache, n = {n}", n=n),
        counted(b.num_projected),
        closed_form(n, "n"),
    )
check(
    "largest difference of the outputs, with and without a cache",
    computed(
        max(
            float(np.abs(uncached[n].outputs - cached[n].outputs).max())
            for n in lengths
        )
    ),
    brute_force(0, "without a cache"),
    within=1e-5,
    spec=".1e",
)

# %% multiply-adds
table(
    {"tokens n": "d", "no cache": ",d", "with cache": ",d", "ratio": ".1f"},
    [
        (
            n,
            a.num_attention_macs,
            b.num_attention_macs,
            a.num_attention_macs / b.num_attention_macs,
        )
        for n in lengths
        for a, b in [(uncached[n], cached[n])]
    ],
)
# not shown
for n in (lengths[0], lengths[-1]):
    check(
        fill("attention multiply-adds without a cache, n = {n}", n=n),
        counted(uncached[n].num_attention_macs),
        closed_form(
            2 * 64 * n * (n + 1) * (2 * n + 1) // 6, "2 · 64 · n(n+1)(2n+1)/6"
        ),
        spec=",d",
    )
    check(
        fill("attention multiply-adds with a cache, n = {n}", n=n),
        counted(cached[n].num_attention_macs),
        closed_form(2 * 64 * n * (n + 1) // 2, "2 · 64 · n(n+1)/2"),
        spec=",d",
    )

# %% time
from membound.bench import interleave, machine_line

runs = {}
for n in lengths:
    runs[n, "no cache"] = lambda n=n: layer.run_uncached(inputs[:n])
    runs[n, "with cache"] = lambda n=n: layer.run_cached(inputs[:n])
timings = interleave(runs, warmup=0, repeats=3)

seconds = {run: timing.median_s for run, timing in timings.items()}
speedup = {
    n: seconds[n, "no cache"] / seconds[n, "with cache"] for n in lengths
}
# not shown
table(
    {
        "tokens n": "d",
        "no cache, ms": ".1f",
        "with cache, ms": ".1f",
        "times faster": ".1f",
    },
    [
        (
            n,
            1000 * seconds[n, "no cache"],
            1000 * seconds[n, "with cache"],
            speedup[n],
        )
        for n in lengths
    ],
)
say(
    "Measured on: {machine}. Medians of 3 runs, taken in turns.",
    machine=machine_line(fill),
)

# %% figure
from membound.page.checks import band, measured
from membound.page.figures import label_end, new_figure
from membound.page.palette import WITH, WITHOUT
from membound.page.show import show

figure = new_figure(panels=2)
for axes, unit, uncached_y, cached_y in (
    (
        figure.axes[0],
        "time, ms",
        [1000 * seconds[n, "no cache"] for n in lengths],
        [1000 * seconds[n, "with cache"] for n in lengths],
    ),
    (
        figure.axes[1],
        "keys computed",
        [uncached[n].num_projected for n in lengths],
        [cached[n].num_projected for n in lengths],
    ),
):
    axes.plot(lengths, uncached_y, "o-", color=WITHOUT)
    label_end(axes, "no cache")
    axes.plot(lengths, cached_y, "o-", color=WITH)
    label_end(axes, "with cache")
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlabel("tokens n")
    axes.set_ylabel(unit)
show(
    figure,
    name="time-and-counts",
    title="The counts part quickly, the times slowly",
    caption="The same runs of one small layer, timed and counted. Both axes are logarithmic: "
    "the gap between two lines is the ratio.",
    alt="Two panels. Counts differ up to 250 times, times far less.",
)

shortest, longest = lengths[0], lengths[-1]
ratio = {
    n: uncached[n].num_projected / cached[n].num_projected for n in lengths
}
a, b = uncached[longest], cached[longest]
check(
    "time ratio on the layer, n = 500",
    measured(speedup[longest]),
    band(2, 1000),
    spec=".1f",
)
value("longest", longest)
value("shortest", shortest)
value("projection_ratio", ratio[longest], ".1f")
value("short_ratio", ratio[shortest], ".1f")
value("layer_speedup", speedup[longest], ".0f")
value("short_speedup", speedup[shortest], ".1f")
value("work_ratio", a.num_macs / b.num_macs, ".0f")
value("short_step_us", 1e6 * seconds[shortest, "with cache"] / shortest, ".0f")
value("cached_step_us", 1e6 * seconds[longest, "with cache"] / longest, ".0f")
value("cached_step_macs", b.num_macs / longest, ",.0f")
value("uncached_gmacs", a.num_macs / seconds[longest, "no cache"] / 1e9, ".1f")
value("cached_gmacs", b.num_macs / seconds[longest, "with cache"] / 1e9, ".1f")

# %% model
import time

from membound.bench import measure
from membound.decode.generate import generate
from membound.model.load import load_model
from membound.model.local import default_model_path
from membound.model.transformer import forward_uncached

model = load_model(default_model_path())
prompt = model.tokenizer.encode(
    "Memory is the bottleneck of language models because"
)
new_tokens = [16, 32, 64, 128, 256]

clock, tokens = [time.perf_counter()], []
for token in generate(model, prompt, max_new_tokens=max(new_tokens)):
    tokens.append(token)
    clock.append(time.perf_counter())
with_cache = np.array(clock[1:]) - clock[0]


def without_cache(n):
    """Choose token n by a pass over all tokens before it."""
    ids = (prompt + tokens)[: len(prompt) + n - 1]
    logits = forward_uncached(model.weights, ids, last_only=True)
    chosen[n] = int(logits[0].argmax())


sampled, chosen = [1, 16, 64, 128, 192, 256], {}
step = [
    measure(lambda n=n: without_cache(n), repeats=2).fastest_s for n in sampled
]
every_step = np.interp(range(1, max(new_tokens) + 1), sampled, step)
no_cache = np.cumsum(every_step)
# not shown
model_speedup = {n: no_cache[n - 1] / with_cache[n - 1] for n in new_tokens}
processed = {
    n: sum(len(prompt) + i for i in range(n)) / (len(prompt) + n - 1)
    for n in new_tokens
}
table(
    {
        "new tokens": "d",
        "no cache, s": ".2f",
        "with cache, s": ".2f",
        "times faster": ".1f",
        "times fewer tokens processed": ".1f",
    },
    [
        (n, no_cache[n - 1], with_cache[n - 1], model_speedup[n], processed[n])
        for n in new_tokens
    ],
)
same = sum(chosen[n] == tokens[n - 1] for n in sampled)
check(
    "sampled tokens that are the same with and without a cache",
    computed(same),
    brute_force(len(sampled), "without a cache"),
)

# %% model-figure
from membound.bench import read_probes

array, probes = read_probes()
fastest = min(
    timing.median_s for timing in interleave(probes, repeats=3).values()
)
bandwidth = array.nbytes / fastest
weight_bytes = model.weights.bytes_read_per_token
bound = weight_bytes / bandwidth
del array, probes

cached_step = float(np.median(np.diff(clock[2:])))
last = max(new_tokens)
figure = new_figure()
axes = figure.axes[0]
axes.plot(sampled, [1000 * s for s in step], "o-", color=WITHOUT)
label_end(axes, "no cache")
axes.plot(range(2, last + 1), 1000 * np.diff(clock[1:]), color=WITH)
label_end(axes, "with cache")
axes.axhline(1000 * bound, linestyle="--", color=WITHOUT)
axes.set_yscale("log")
axes.set_xlabel("token")
axes.set_ylabel("ms for this token")
show(
    figure,
    name="model-steps",
    title="With a cache every token costs the same, and the price is that of reading the weights",
    caption="Time of each token on SmolLM2-135M. The dashed line is the time that this machine "
    "needs to read the weights once, measured in the same build.",
    alt="Without a cache the time of a token climbs; with one it stays flat.",
)
check(
    "time ratio on the model, 256 tokens",
    measured(model_speedup[last]),
    band(1.1, 200),
    spec=".1f",
)
check(
    "a cached step, as a multiple of reading the weights once",
    measured(cached_step / bound),
    band(0.5, 20),
    spec=".2f",
)
value("model_longest", last)
value("model_speedup", model_speedup[last], ".0f")
value("model_ratio", (last + 1) / 2, ".1f")
value("prompt_length", len(prompt))
value("token_ratio", processed[last], ".0f")
value("last_length", len(prompt) + last - 1)
value("last_uncached_ms", 1000 * step[-1], ".0f")
value("last_cached_ms", 1000 * cached_step, ".0f")
value("weights_mb", weight_bytes / 1e6, ".0f")
value("bandwidth", bandwidth / 1e9, ".0f")
value("bound_ms", 1000 * bound, ".0f")

# %% prefill
text = (prompt + tokens)[:64]
last_logits = {}


def at_once():
    last_logits["at once"] = model.forward(text, model.new_cache(64))[-1]


def one_by_one():
    cache = model.new_cache(64)
    for token in text:
        last_logits["one by one"] = model.forward([token], cache)[-1]


timings = interleave({"once": at_once, "each": one_by_one}, repeats=1)
# not shown
paces = {name: timing.median_s for name, timing in timings.items()}
table(
    {"64 tokens": "", "passes": "d", "s": ".2f", "ms per token": ".1f"},
    [
        (
            "at once (prefill)",
            1,
            paces["once"],
            1000 * paces["once"] / len(text),
        ),
        (
            "one by one (decode)",
            len(text),
            paces["each"],
            1000 * paces["each"] / len(text),
        ),
    ],
)
check(
    "largest difference of the logits, at once or one by one",
    computed(
        float(np.abs(last_logits["at once"] - last_logits["one by one"]).max())
    ),
    brute_force(0, "one by one"),
    within=1e-3,
    spec=".1e",
)
value("prefill_gain", paces["each"] / paces["once"], ".1f")

# %% copies
from membound.cache.concatenated import ConcatenatedCache
from membound.cache.contiguous import ContiguousCache

n = 256
token_bytes = 2 * 3 * 64 * 4  # a layer of SmolLM2: 3 KV heads of 64, float32
one_token = np.zeros((3, 1, 64), np.float32)
growing = ConcatenatedCache(num_layers=1, num_kv_heads=3, head_dim=64)
ready = ContiguousCache(num_layers=1, num_kv_heads=3, head_dim=64, capacity=n)
moves, history = {"growing": 0, "ready": 0}, {}
for _ in range(n):
    for name, cache in (("growing", growing), ("ready", ready)):
        keys, _ = cache.append(0, one_token, one_token)
        cache.advance(1)
        moves[name] += name in history and not np.shares_memory(
            history[name], keys
        )
        history[name] = keys
# not shown
table(
    {"cache": "", "times the past was moved": "d", "bytes copied": ",d"},
    [
        (
            "np.concatenate at every step",
            moves["growing"],
            growing.bytes_copied,
        ),
        ("room taken once", moves["ready"], 0),
    ],
)
check(
    "bytes copied by concatenation, one layer, n = 256",
    counted(growing.bytes_copied),
    closed_form(n * (n - 1) // 2 * token_bytes, "n(n-1)/2 · 2 · 3 · 64 · 4"),
    spec=",d",
)
check(
    "times a preallocated cache moved its past",
    counted(moves["ready"]),
    closed_form(0, "0"),
)

# %% memory
half = np.float16
caches = {  # layers, KV heads, head_dim, tokens
    "Llama-2-7B, 1": (32, 32, 128, 1),
    "Llama-2-7B, 2048": (32, 32, 128, 2048),
    "Llama-2-7B, 4096": (32, 32, 128, 4096),
    "Llama-3.1-8B, 8192": (32, 8, 128, 8192),
    "SmolLM2-135M, 8192": (30, 3, 64, 8192),
}
allocated_bytes = {
    name: ContiguousCache(*sizes, dtype=half).nbytes
    for name, sizes in caches.items()
}
# not shown
from membound.model.config import ModelConfig
from membound.model.weights import tensor_shapes
from membound.page.checks import allocated, reference

MIB, GIB = 2**20, 2**30


def label(template, name):
    model, num_tokens = name.split(", ")
    return fill(template, model=model, n=num_tokens)


table(
    {"model, tokens": "", "KV heads": "d", "bytes": ",d", "MiB": ",.4g"},
    [
        (label("{model}, {n} tokens", name), caches[name][1], size, size / MIB)
        for name, size in allocated_bytes.items()
    ],
)
for name, (layers, kv_heads, head_dim, num_tokens) in caches.items():
    check(
        label("bytes of a cache: {model}, {n} tokens", name),
        allocated(allocated_bytes[name], "nbytes"),
        closed_form(
            2 * layers * kv_heads * head_dim * num_tokens * 2,
            f"2 · {layers} · {kv_heads} · {head_dim} · {num_tokens} · 2",
        ),
        spec=",d",
    )
theirs_mib = {
    "Llama-2-7B, 2048": 1024,
    "Llama-2-7B, 4096": 2048,
    "Llama-3.1-8B, 8192": 1024,
    "SmolLM2-135M, 8192": 180,
}
for name, mib in theirs_mib.items():
    check(
        label("MiB of a cache: {model}, {n} tokens", name),
        allocated(allocated_bytes[name] / MIB, "nbytes"),
        reference(mib, "llama.cpp 0.5.0, llama-fit-params"),
    )
value("llama2_token_mib", allocated_bytes["Llama-2-7B, 1"] / MIB, ".1f")
value("llama2_4096_gib", allocated_bytes["Llama-2-7B, 4096"] / GIB, ".0f")
llama2 = ModelConfig(
    num_layers=32,
    num_heads=32,
    num_kv_heads=32,
    head_dim=128,
    hidden_size=4096,
    intermediate_size=11008,
    vocab_size=32000,
    context_length=4096,
    rope_base=1e4,
    norm_eps=1e-5,
)
parameters = sum(
    int(np.prod(shape)) for shape in tensor_shapes(llama2, tied=False).values()
)
value("llama2_weights_gib", 2 * parameters / GIB, ".1f")
value("break_even", 2 * parameters / allocated_bytes["Llama-2-7B, 1"], ",.0f")
smol_token = model.new_cache(1).nbytes
value("smol_break_even", weight_bytes / smol_token, ",.0f")
value("smol_context", model.config.context_length, ",d")

# %% bug-no-cache
from membound.attention.lesson_bugs import (
    cache_beside_the_work,
    prompt_end_twice,
)

show_source(cache_beside_the_work)

# %% bug-no-cache-answer
n = 100
beside = cache_beside_the_work(layer, inputs[:n])
check(
    "keys that the cache that caches nothing computes, n = 100",
    counted(beside.num_projected),
    closed_form(n * (n + 1) // 2, "n(n+1)/2"),
)
value("bug_length", n)
value("bug_projections", beside.num_projected, ",d")

# %% bug-twice
show_source(prompt_end_twice)

# %% bug-twice-answer
prompt_vectors = inputs[:8]
wrong = prompt_end_twice(layer, prompt_vectors, 4).outputs
right = prompt_vectors
for _ in range(4):
    right = np.vstack([right, layer.run_uncached(right).outputs[-1:]])
right = right[len(prompt_vectors) :]
errors = np.linalg.norm(wrong - right, axis=1) / np.linalg.norm(right, axis=1)
check(
    "outputs that the token cached twice makes wrong, of 4",
    counted(int((errors > 0.01).sum())),
    brute_force(4, "without a cache"),
)
value("bug_error", 100 * errors[0], ".0f")
