# %% source-step
from membound.decode import ladder
from membound.page.source import show_source

show_source(ladder.step)

# %% source-attend
show_source(ladder.attend_repeated)

# %% promotion
import math

import numpy as np

scores = np.ones(3, np.float32)
dtypes = {
    "scores / math.sqrt(64)": (scores / math.sqrt(64)).dtype,
    "scores / np.sqrt(64)": (scores / np.sqrt(64)).dtype,
    "scores / np.float32(np.sqrt(64))": (scores / np.float32(8)).dtype,
    "scores @ np.zeros(3)": (scores @ np.zeros(3)).dtype,
}
# not shown
from membound.page.checks import check, computed, published
from membound.page.tables import table

table(
    {"scores is float32": "", "dtype of the result": ""},
    [(f"`{code}`", f"`{dtype}`") for code, dtype in dtypes.items()],
)
NEP_50 = "[NEP 50](https://numpy.org/neps/nep-0050-scalar-promotion.html)"
check(
    "bytes per score after a division by np.sqrt(64)",
    computed(dtypes["scores / np.sqrt(64)"].itemsize),
    published(8, NEP_50),
)
check(
    "bytes per score after a division by math.sqrt(64)",
    computed(dtypes["scores / math.sqrt(64)"].itemsize),
    published(4, NEP_50),
)

# %% rungs
import json
from pathlib import Path

from membound.model.load import load_model
from membound.model.local import default_model_path

model = load_model(default_model_path())
greedy = json.loads(Path("tests/data/smollm2-greedy.json").read_text())
case = greedy["cases"][0]


class Decoding:
    """A rung at work: each call processes one token and chooses the next."""

    def __init__(self, rung):
        self.rung, self.cache = rung, rung.new_cache(64)
        logits = model.prefill(case["prompt_ids"], self.cache)
        self.token_ids = [int(logits.argmax())]

    def __call__(self):
        logits = self.rung.decode(self.token_ids[-1], self.cache)
        self.token_ids.append(int(logits.argmax()))


decoding = {rung.name: Decoding(rung) for rung in ladder.ladder(model.weights)}
# not shown
from membound.page.checks import allocated, closed_form
from membound.page.values import value


def memory_of(array):
    while isinstance(array.base, np.ndarray):
        array = array.base
    return array


names = ("qkv", "o", "gate_up", "down")
memory = memory_of(model.weights.head)
held = {id(memory): memory.nbytes}
for rung in [d.rung for d in decoding.values()][:-1]:
    for layer in rung.weights.layers:
        for memory in (memory_of(getattr(layer, name)) for name in names):
            held[id(memory)] = memory.nbytes
    held[id(rung.weights.head)] = rung.weights.head.nbytes
config = model.config
once = 4 * (
    config.num_layers
    * (
        2 * config.hidden_size * config.query_size
        + 2 * config.hidden_size * config.kv_size
        + 3 * config.hidden_size * config.intermediate_size
    )
    + config.vocab_size * config.hidden_size
)
again = 4 * (
    config.num_layers * 2 * config.hidden_size * config.intermediate_size
    + config.vocab_size * config.hidden_size
)
check(
    "MB of matrices that the eight rungs hold together",
    allocated(sum(held.values()) / 1e6, "nbytes"),
    closed_form((2 * once + again) / 1e6, "2 W + W_gate + W_up + W_head"),
    within=2.2,  # the block is aligned to 2 MiB
    spec=",.0f",
)
value("held_times", sum(held.values()) / once, ".1f")
value("weights_mb", once / 1e6, ".0f")
value("float32_bytes", model.weights.head.itemsize)
value("float64_bytes", np.dtype(np.float64).itemsize)

# %% ladder
from membound.bench import interleave, machine_line, read_probes

array, probes = read_probes()
leak, *others = decoding
slow = interleave(
    {name: decoding[name] for name in (leak, others[0])}, repeats=3
)
timings = interleave(
    {name: decoding[name] for name in others} | probes, repeats=11
)
seconds = {name: timings[name].median_s for name in others}
bandwidth = max(array.nbytes / timings[probe].median_s for probe in probes)
bound = model.weights.bytes_read_per_token / bandwidth
# not shown
from membound.page.checks import band, counted, measured, reference
from membound.page.text import fill, say

value("probe_mib", array.nbytes >> 20)
del array, probes
leak_ratio = slow[leak].median_s / slow[others[0]].median_s
ms = {leak: 1000 * slow[leak].median_s} | {
    name: 1000 * each for name, each in seconds.items()
}
gains = {
    name: before / after
    for (before, after), name in zip(
        zip(seconds.values(), list(seconds.values())[1:], strict=False),
        others[1:],
        strict=True,
    )
}
gains = {others[0]: leak_ratio} | gains
table(
    {
        "rung": "",
        "ms per token": ".1f",
        "times faster than the rung above": ".2f",
        "share of the bound": ".0%",
    },
    [
        (name, each, gains.get(name, ""), 1000 * bound / each)
        for name, each in ms.items()
    ]
    + [("the bound", 1000 * bound, "", 1.0)],
)
say(
    "Measured on: {machine}. Medians of 11 tokens, taken in turns; of 3 for the first rung.",
    machine=machine_line(fill),
)
agreeing = sum(
    ours == theirs
    for each in decoding.values()
    for ours, theirs in zip(each.token_ids, case["greedy_ids"], strict=False)
)
total = sum(len(each.token_ids) for each in decoding.values())
check(
    "tokens of the eight rungs that equal llama.cpp's",
    counted(agreeing),
    reference(total, "llama.cpp 0.5.0, F32"),
)
first, last = others[0], others[-1]
check(
    "time of the first rung, times that of the textbook",
    measured(leak_ratio),
    band(2, 400),
    spec=".1f",
)
check(
    "time of the textbook, times that of the last rung",
    measured(ms[first] / ms[last]),
    band(0.8, 8),
    spec=".2f",
)
check(
    "speed of the last rung as a share of the bound",
    measured(1000 * bound / ms[last]),
    band(0.02, 1.2),
    spec=".2f",
)
for name, short in zip(
    others[1:],
    ("cache", "fused", "grouped", "buffers", "layout", "block"),
    strict=True,
):
    value(f"{short}_gain", gains[name], ".2f")
value("num_tokens", total)
value("leak_ratio", leak_ratio, ".0f")
value("ladder_ratio", ms[first] / ms[last], ".1f")
value("bound_share", 1000 * bound / ms[last], ".0%")
value("textbook_share", 1000 * bound / ms[first], ".0%")
value("leak_share", 1000 * bound / ms[leak], ".0%")
value("bandwidth", bandwidth / 1e9, ".0f")
value("bound_ms", 1000 * bound, ".0f")
value("last_ms", ms[last], ".0f")
value("tokens_per_s", 1000 / ms[last], ".0f")

# %% figure
from membound.page.figures import bars, new_figure
from membound.page.palette import DECODE, MUTED
from membound.page.show import show

figure = new_figure(height=330)
bars(
    figure.axes[0],
    [*others, "the bound"],
    [*(ms[name] for name in others), 1000 * bound],
    spec="{:.1f} ms",
    color=[*[DECODE] * len(others), MUTED],
)
figure.axes[0].axvline(1000 * bound, linestyle="--", color=MUTED)
show(
    figure,
    name="ladder",
    title="Every rung writes the same tokens; what changes is how the weights are read",
    caption="Time of one token of SmolLM2-135M in float32, by rung; each bar keeps the changes of "
    "those above it. The bound is the time to read the weights once, at the best speed at "
    "which this machine read 512 MiB in the same run.",
    alt="Eight bars: seven rungs from the textbook to the last one, and below them the bound.",
)


# %% grouped
def times(num_keys):
    keys = np.ones((3, num_keys, 64), np.float32)
    q = np.ones((3, 3, 64), np.float32)
    runs = {
        "q @ K.T": lambda: q @ keys.swapaxes(1, 2),
        "K @ q.T": lambda: keys @ q.swapaxes(1, 2),
    }
    return {
        name: 1e6 * timing.median_s
        for name, timing in interleave(runs, warmup=5, repeats=25).items()
    }


microseconds = {n: times(n) for n in (64, 512, 2048, 8192)}
# not shown
table(
    {"keys": ",d", "q @ K.T, µs": ".0f", "K @ q.T, µs": ".0f", "ratio": ".1f"},
    [
        (n, *each.values(), each["q @ K.T"] / each["K @ q.T"])
        for n, each in microseconds.items()
    ],
)
long = microseconds[2048]
check(
    "time of q @ K.T, times that of K @ q.T, 2048 keys",
    measured(long["q @ K.T"] / long["K @ q.T"]),
    band(0.3, 60),
    spec=".1f",
)
value("grouped_ratio", long["q @ K.T"] / long["K @ q.T"], ".1f")

# %% ways
from membound.arrays import aligned_empty, off_the_line


def speeds(num_out, num_in):
    """GB/s of products over 100 MB of matrices, more than caches hold."""
    count = max(1, 100_000_000 // (4 * num_out * num_in))
    walk = aligned_empty(count * num_out * num_in)
    walk[:] = 1
    rows = walk.reshape(count, num_out, num_in)
    columns = walk.reshape(count, num_in, num_out)
    x, on_line = off_the_line(num_in), aligned_empty(num_in)
    x[:] = on_line[:] = 1
    y = np.empty(num_out, np.float32)
    runs = {
        "np.vecdot": lambda: [np.vecdot(w, x, out=y) for w in rows],
        "on a line": lambda: [np.vecdot(w, on_line, out=y) for w in rows],
        "np.dot": lambda: [np.dot(w, x, out=y) for w in rows],
        "in, out": lambda: [np.dot(x, w, out=y) for w in columns],
    }
    taken = interleave(runs, repeats=5)
    return [walk.nbytes / taken[way].median_s / 1e9 for way in runs]


shapes = {
    "qkv": (960, 576),
    "o": (576, 576),
    "gate_up": (3072, 576),
    "down": (576, 1536),
    "head": (49152, 576),
}
gb_per_s = {name: speeds(*shape) for name, shape in shapes.items()}
# not shown
table(
    {
        "matrix": "",
        "out × in": "",
        "vecdot, (out, in)": ".1f",
        "vecdot, x on a cache line": ".1f",
        "dot, (out, in)": ".1f",
        "dot, (in, out)": ".1f",
        "read by": "",
    },
    [
        (
            f"`{name}`",
            f"{shape[0]} × {shape[1]}",
            *gb_per_s[name],
            f"`{chosen}`",
        )
        for (name, shape), chosen in zip(
            shapes.items(),
            ("vecdot", "vecdot", "dot (in, out)", "dot", "dot (in, out)"),
            strict=True,
        )
    ],
)
say("GB/s, medians of 5 walks through 100 MB, taken in turns.")
ways_ratio = max(max(each) / min(each) for each in gb_per_s.values())
check(
    "GB/s of the fastest way to read a matrix, times those of the slowest",
    measured(ways_ratio),
    band(1.05, 300),
    spec=".1f",
)
value("ways_ratio", ways_ratio, ".1f")
value("hidden", config.hidden_size)
value("vocab", config.vocab_size, ",d")
value("o_vecdot", gb_per_s["o"][0], ".0f")
value("o_dot", gb_per_s["o"][2], ".0f")
value("head_dot", gb_per_s["head"][2], ".0f")
value("head_columns", gb_per_s["head"][3], ".0f")
value("off_line", gb_per_s["qkv"][0], ".0f")
value("on_line", gb_per_s["qkv"][1], ".0f")

# %% threads
from threading import Semaphore, Thread


def on_two_threads(matrices, x, y):
    """Multiply by one matrix after another, each thread by half the rows."""
    middle, start, done = len(y) // 2, Semaphore(0), Semaphore(0)

    def helping():
        for w in matrices:
            start.acquire()
            np.vecdot(w[middle:], x, out=y[middle:])
            done.release()

    helper = Thread(target=helping)
    helper.start()
    for w in matrices:
        start.release()
        np.vecdot(w[:middle], x, out=y[:middle])
        done.acquire()  # the next product needs all of y
    helper.join()


# not shown
def both(num_out, num_in):
    """Microseconds per product, on one thread and on two."""
    count = 50_000_000 // (4 * num_out * num_in)
    walk = aligned_empty(count * num_out * num_in)
    walk[:] = 1
    matrices = walk.reshape(count, num_out, num_in)
    x, y = np.ones(num_in, np.float32), np.empty(num_out, np.float32)
    runs = {
        "one": lambda: [np.vecdot(w, x, out=y) for w in matrices],
        "two": lambda: on_two_threads(matrices, x, y),
    }
    taken = interleave(runs, repeats=7)
    assert (y == num_in).all()
    return [1e6 * taken[way].median_s / count for way in runs]


product_us = {name: both(*shapes[name]) for name in ("o", "qkv", "gate_up")}
table(
    {"product by": "", "one thread, µs": ".0f", "two threads, µs": ".0f"},
    [(f"`{name}`", *each) for name, each in product_us.items()],
)
turn_ratio = product_us["o"][1] / product_us["o"][0]
check(
    "time of a product by o on two threads in lockstep, times that on one",
    measured(turn_ratio),
    band(0.3, 40),
    spec=".1f",
)
value("one_us", product_us["o"][0], ".0f")
value("two_us", product_us["o"][1], ".0f")


# %% narrow
def cast_and_multiply(stored, rows=224):
    """Widen 512 KiB at a time into a buffer that stays in cache; multiply."""
    buffer = np.empty((rows, stored.shape[1]), np.float32)
    for start in range(0, len(stored), rows):
        part = stored[start : start + rows]
        block = buffer[: len(part)]
        block[:] = part
        np.dot(block, x, out=y[start : start + len(part)])
    return y


head = model.weights.head  # lies in memory as (in, out)
rows = np.ascontiguousarray(head)
scale = np.abs(rows).max(axis=1) / 127
int8, half = np.rint(rows / scale[:, None]).astype(np.int8), rows.astype("f2")
x = np.random.default_rng(0).normal(size=576).astype(np.float32)
y = np.empty(len(rows), np.float32)
ways = {
    "float32, as the decoder reads it": lambda: head @ x,
    "int8, widened in cache": lambda: cast_and_multiply(int8) * scale,
    "float16, widened in cache": lambda: cast_and_multiply(half),
    "float16, left to NumPy": lambda: half @ x.astype("f2"),
}
narrow = interleave(ways, repeats=3)
# not shown
stored_mb = [each.nbytes / 1e6 for each in (rows, int8, half, half)]
narrow_ms = {name: 1000 * timing.median_s for name, timing in narrow.items()}
wide_ms = narrow_ms["float32, as the decoder reads it"]
table(
    {
        "the head": "",
        "MB": ".0f",
        "ms": ".1f",
        "times the time of float32": ".1f",
    },
    [
        (name, mb, each, each / wide_ms)
        for (name, each), mb in zip(narrow_ms.items(), stored_mb, strict=True)
    ],
)
exact = rows @ x
from membound.page.checks import brute_force

check(
    "relative error of the int8 product",
    computed(
        float(
            np.linalg.norm(cast_and_multiply(int8) * scale - exact)
            / np.linalg.norm(exact)
        )
    ),
    brute_force(0, "in float32"),
    within=0.03,
    spec=".4f",
)
check(
    "time of the int8 product, times that of float32",
    measured(narrow_ms["int8, widened in cache"] / wide_ms),
    band(0.5, 400),
    spec=".1f",
)
check(
    "time of NumPy's float16 product, times that of float32",
    measured(narrow_ms["float16, left to NumPy"] / wide_ms),
    band(2, 2000),
    spec=".0f",
)
value("int8_ratio", narrow_ms["int8, widened in cache"] / wide_ms, ".1f")
value("half_ratio", narrow_ms["float16, widened in cache"] / wide_ms, ".0f")
value("numpy_half_ratio", narrow_ms["float16, left to NumPy"] / wide_ms, ".0f")
del rows, int8, half, y


# %% bug-cache
def new_cache(num_layers, num_kv_heads, head_dim, capacity):
    shape = (num_layers, num_kv_heads, capacity, head_dim)
    return np.zeros(shape), np.zeros(shape)


# %% bug-cache-answer
from membound.cache.contiguous import ContiguousCache

keys, _ = new_cache(30, 3, 64, 64)
leaking = ContiguousCache(30, 3, 64, 64, dtype=keys.dtype)
plain = decoding[first].rung
logits = plain.decode(case["prompt_ids"][0], leaking)
check(
    "bytes per logit with a cache from np.zeros",
    computed(logits.itemsize),
    closed_form(8, "float64"),
)
value("leaked_dtype", str(logits.dtype))
value("zeros_dtype", str(keys.dtype))

# %% bound-answer
read = 8_030_261_248 - 128_256 * 4096  # Llama-3.1-8B without its embedding
value("big_ms", 1000 * 2 * read / 3.35e12, ".1f")
value("big_tokens", 3.35e12 / (2 * read), ".0f")
