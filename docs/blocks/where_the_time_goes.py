# %% machine
from membound.bench import (
    interleave,
    machine_line,
    measure,
    read_probes,
    triad,
)

array, probes = read_probes()
timings = interleave(probes, repeats=5)
num_bytes = dict.fromkeys(probes, array.nbytes)

num_bytes["triad"], run_triad = triad()
timings["triad"] = measure(run_triad, warmup=2, repeats=5)

bytes_per_s = {
    name: num_bytes[name] / timing.median_s for name, timing in timings.items()
}
bandwidth = max(array.nbytes / timings[name].fastest_s for name in probes)
# not shown
from membound.page.checks import band, check, measured
from membound.page.tables import table
from membound.page.text import fill, say
from membound.page.values import value

del run_triad
WHAT = {
    "W @ x": "read once: W @ x",
    "x @ W": "read once: x @ W",
    "x · x": "read once: x · x",
    "triad": "two reads, one write: a = b + 3 c",
}
table(
    {"operation": "", "MB moved": ",.0f", "GB/s": ".1f", "spread, %": ".0f"},
    [
        (
            WHAT[name],
            num_bytes[name] / 1e6,
            bytes_per_s[name] / 1e9,
            100 * timing.spread,
        )
        for name, timing in timings.items()
    ],
)
say(
    "Measured on: {machine}. Medians of 5 runs after a warm-up; the spread is the middle half of the times, as a share of their "
    "median.",
    machine=machine_line(fill),
)
check(
    "memory bandwidth: the triad against the fastest read",
    measured(bytes_per_s["triad"] / bandwidth),
    band(0.2, 4),
    spec=".2f",
)

# %% squares
from membound.matmuls import Roof, square

sizes = [256, 512, 1024, 2048, 4096]
gemm = {size: square(size) for size in sizes}
gemv = {size: square(size, batch=1) for size in sizes}
gemm_times = interleave(
    {size: run for size, (_, run) in gemm.items()}, repeats=3
)
gemv_times = {size: measure(run, repeats=9) for size, (_, run) in gemv.items()}
gemm_flops_per_s = {
    size: work.flops / gemm_times[size].median_s
    for size, (work, _) in gemm.items()
}
peak = max(w.flops / gemm_times[n].fastest_s for n, (w, _) in gemm.items())
roof = Roof(peak, bandwidth)
# not shown
from membound.page.checks import closed_form, computed

gemv_flops_per_s = {
    size: work.flops / gemv_times[size].median_s
    for size, (work, _) in gemv.items()
}
table(
    {
        "size n": "d",
        "GEMM, ms": ".2f",
        "spread, %": ".0f",
        "GEMM, GFLOP/s": ".0f",
        "GEMM, FLOPs per byte": ".0f",
        "GEMV, GFLOP/s": ".1f",
        "GEMV, GB/s": ".0f",
    },
    [
        (
            n,
            1000 * gemm_times[n].median_s,
            100 * gemm_times[n].spread,
            gemm_flops_per_s[n] / 1e9,
            gemm[n][0].intensity,
            gemv_flops_per_s[n] / 1e9,
            gemv[n][0].nbytes / gemv_times[n].median_s / 1e9,
        )
        for n in sizes
    ],
)
biggest = sizes[-1]
check(
    "FLOPs of the square products, all sizes",
    computed(sum(work.flops for work, _ in gemm.values())),
    closed_form(sum(2 * n**3 for n in sizes), "Σ 2n³"),
    spec=",d",
)
check(
    "GFLOP/s, GEMM over GEMV on the same matrix, n = 4096",
    measured(gemm_flops_per_s[biggest] / gemv_flops_per_s[biggest]),
    band(1.5, 1000),
    spec=".1f",
)
value("bandwidth", bandwidth / 1e9, ".1f")
value("triad_gb", bytes_per_s["triad"] / 1e9, ".1f")
value("peak", roof.flops_per_s / 1e9, ".0f")
value("ridge", roof.ridge, ".1f")
value("floats_ratio", roof.flops_per_s / (bandwidth / 4), ".0f")
value("largest", biggest)
value("gemv_gflops", gemv_flops_per_s[biggest] / 1e9, ".0f")
value(
    "gemm_over_gemv",
    gemm_flops_per_s[biggest] / gemv_flops_per_s[biggest],
    ".0f",
)
value("gemm_flops_ratio", biggest)
value(
    "gemm_time_ratio",
    gemm_times[biggest].median_s / gemv_times[biggest].median_s,
    ",.0f",
)
small = max(sizes[:-1], key=lambda n: gemv_flops_per_s[n])
value("cached_size", small)
value(
    "cached_gb", gemv[small][0].nbytes / gemv_times[small].median_s / 1e9, ".0f"
)
value("cached_mb", 4 * small * small / 1e6, ".0f")
del gemm, gemv

# %% kinds
from membound.matmuls import walk
from membound.model.load import load_model
from membound.model.local import default_model_path

model = load_model(default_model_path())
weights = model.weights
matrices = {
    "qkv": [layer.qkv for layer in weights.layers],
    "attention out": [layer.o for layer in weights.layers],
    "gate and up": [layer.gate_up for layer in weights.layers],
    "down": [layer.down for layer in weights.layers],
    "head": [weights.head],
}
batches = [1, 2, 4, 8, 16, 64, 256]
work, seconds = {}, {}
for batch in batches:
    runs = {kind: walk(some, batch) for kind, some in matrices.items()}
    timings = interleave(
        {kind: run for kind, (_, run) in runs.items()}, repeats=3
    )
    for kind, timing in timings.items():
        work[batch, kind] = runs[kind][0]
        seconds[batch, kind] = timing.median_s
# not shown
from membound.matmuls import Work

total = {
    b: sum((work[b, kind] for kind in matrices), start=Work(0, 0))
    for b in batches
}
total_s = {b: sum(seconds[b, kind] for kind in matrices) for b in batches}
table(
    {
        "batch": "d",
        "FLOPs per byte": ".1f",
        **{f"{kind}, GFLOP/s": ".0f" for kind in matrices},
        "all, ms": ".0f",
        "all, GB/s": ".1f",
        "of the roof, %": ".0f",
    },
    [
        (
            b,
            total[b].intensity,
            *(
                work[b, kind].flops / seconds[b, kind] / 1e9
                for kind in matrices
            ),
            1000 * total_s[b],
            total[b].nbytes / total_s[b] / 1e9,
            100 * roof.least_s(total[b]) / total_s[b],
        )
        for b in batches
    ],
)
config = model.config
layer_parameters = config.hidden_size * (
    2 * config.query_size + 2 * config.kv_size + 3 * config.intermediate_size
)
matrix_parameters = (
    config.num_layers * layer_parameters
    + config.vocab_size * config.hidden_size
)
check(
    "FLOPs of all matrices for one token",
    computed(total[1].flops),
    closed_form(2 * matrix_parameters, "2 (L h (2q + 2kv + 3i) + V h)"),
    spec=",d",
)
check(
    "GB/s of a walk through all matrices, against the fastest read",
    measured(total[1].nbytes / total_s[1] / bandwidth),
    band(0.02, 4),
    spec=".2f",
)
check(
    "time per token, batch 1 over batch 256",
    measured(total_s[1] / (total_s[256] / 256)),
    band(2, 500),
    spec=".1f",
)
value("many_batch", batches[-1])
value("one_ms", 1000 * total_s[1], ".0f")
value("two_ms", 1000 * total_s[2], ".0f")
value("eight_ms", 1000 * total_s[8], ".0f")
value("many_ms", 1000 * total_s[256], ".0f")
value("many_time_ratio", total_s[256] / total_s[1], ".0f")
value("many_gflops", total[256].flops / total_s[256] / 1e9, ".0f")
value("one_gflops", total[1].flops / total_s[1] / 1e9, ".0f")
value("one_gb", total[1].nbytes / total_s[1] / 1e9, ".0f")
value("one_share", 100 * total[1].flops / total_s[1] / roof.flops_per_s, ".0f")
value("head_share", 100 * work[1, "head"].flops / total[1].flops, ".0f")
value("two_intensity", total[2].intensity, ".1f")

# %% attention
import numpy as np

from membound.attention.grouped import grouped_attention
from membound.attention.plain import attention
from membound.matmuls import attention_work

shape = {
    "num_heads": config.num_heads,
    "num_kv_heads": config.num_kv_heads,
    "head_dim": config.head_dim,
}
num_layers, context, prompt_length = config.num_layers, 2048, 256
random = np.random.default_rng(0).standard_normal


def attend(function, num_queries, num_keys):
    """Every layer with keys and values of its own, so that memory brings them."""
    q = random((config.num_heads, num_queries, 64), np.float32)
    kv = random((num_layers, 2, config.num_kv_heads, num_keys, 64), np.float32)
    return lambda: [function(q, k, v) for k, v in kv]


decoding = attend(grouped_attention, 1, context)
prefilling = attend(attention, prompt_length, prompt_length)
timings = interleave({"decode": decoding, "prefill": prefilling}, repeats=3)
# not shown
attention_s = {name: timing.median_s for name, timing in timings.items()}
attention_done = {}
for name, num_queries, num_keys in (
    ("decode", 1, context),
    ("prefill", prompt_length, prompt_length),
):
    one_layer = attention_work(num_queries, num_keys, **shape)
    attention_done[name] = Work(
        num_layers * one_layer.flops, num_layers * one_layer.nbytes
    )
NAMES = {
    "decode": "decode, 1 query and 2048 keys",
    "prefill": "prefill, 256 queries and 256 keys",
}
table(
    {
        "attention, all layers": "",
        "MFLOPs": ",.0f",
        "MB": ",.1f",
        "FLOPs per byte": ".1f",
        "ms": ".1f",
        "GFLOP/s": ".1f",
        "of the roof, %": ".0f",
    },
    [
        (
            NAMES[name],
            done.flops / 1e6,
            done.nbytes / 1e6,
            done.intensity,
            1000 * attention_s[name],
            done.flops / attention_s[name] / 1e9,
            100 * roof.least_s(done) / attention_s[name],
        )
        for name, done in attention_done.items()
    ],
)
value("decode_attention_intensity", attention_done["decode"].intensity, ".1f")
value("prefill_attention_intensity", attention_done["prefill"].intensity, ".0f")
value("attention_context", context)
value(
    "decode_attention_share",
    100 * roof.least_s(attention_done["decode"]) / attention_s["decode"],
    ".0f",
)
value(
    "prefill_attention_share",
    100 * roof.least_s(attention_done["prefill"]) / attention_s["prefill"],
    ".0f",
)

# %% model
text = "A processor waits for its memory, and a language model waits with it. "
prompt = model.tokenizer.encode(text * 40)[:prompt_length]
cache = model.new_cache(prompt_length + 32)


def prefill():
    cache.truncate(0)
    return model.prefill(prompt, cache)


def decode():
    answer.append(int(model.decode(answer[-1], cache).argmax()))


ttft = measure(prefill, repeats=3).median_s
answer = [int(prefill().argmax())]
timings = interleave({"decode": decode} | probes, warmup=1, repeats=12)
tpot = timings.pop("decode").median_s
speed = max(array.nbytes / timing.median_s for timing in timings.values())

weight_bytes = model.weights.bytes_read_per_token
cache_bytes = cache.nbytes * cache.num_tokens // cache.capacity
predicted = (weight_bytes + cache_bytes) / speed
# not shown
prefill_work = Work(
    prompt_length * config.num_layers * 2 * layer_parameters
    + 2 * config.vocab_size * config.hidden_size
    + attention_done["prefill"].flops,
    weight_bytes + attention_done["prefill"].nbytes,
)
decode_work = Work(
    total[1].flops
    + num_layers * attention_work(1, cache.num_tokens, **shape).flops,
    weight_bytes + cache_bytes,
)
table(
    {
        "phase": "",
        "tokens in a pass": "d",
        "GFLOPs": ".2f",
        "MB": ",.0f",
        "FLOPs per byte": ".1f",
        "least possible, ms": ".0f",
        "measured, ms": ".0f",
        "GFLOP/s": ".0f",
        "GB/s": ".1f",
    },
    [
        (
            name,
            tokens,
            done.flops / 1e9,
            done.nbytes / 1e6,
            done.intensity,
            1000 * roof.least_s(done),
            1000 * taken,
            done.flops / taken / 1e9,
            done.nbytes / taken / 1e9,
        )
        for name, tokens, done, taken in (
            ("prefill (TTFT)", prompt_length, prefill_work, ttft),
            ("decode (TPOT)", 1, decode_work, tpot),
        )
    ],
)
check(
    "a decode step, measured over predicted from bytes",
    measured(tpot / predicted),
    band(0.3, 40),
    spec=".2f",
)
check(
    "prefill, FLOP/s over those of decode",
    measured((prefill_work.flops / ttft) / (decode_work.flops / tpot)),
    band(1.2, 200),
    spec=".1f",
)
value("prompt_length", prompt_length)
value("ttft_ms", 1000 * ttft, ".0f")
value("tpot_ms", 1000 * tpot, ".1f")
value("predicted_ms", 1000 * predicted, ".1f")
value("over_predicted", 100 * (tpot / predicted - 1), ".0f")
value("weights_mb", weight_bytes / 1e6, ".0f")
value("speed", speed / 1e9, ".1f")
value("cache_mb", cache_bytes / 1e6, ".0f")
value("decode_gflops", decode_work.flops / tpot / 1e9, ".0f")
value("decode_intensity", decode_work.intensity, ".2f")
value("decode_share", 100 * decode_work.flops / tpot / roof.flops_per_s, ".0f")
value(
    "prefill_share", 100 * prefill_work.flops / ttft / roof.flops_per_s, ".0f"
)
value("prefill_intensity", prefill_work.intensity, ".0f")
value("per_prompt_token_ms", 1000 * ttft / prompt_length, ".1f")
value(
    "decode_over_prefill",
    tpot / (ttft / prompt_length),
    ".0f",
)

# %% breakdown
parts = {kind: sum(m.nbytes for m in some) for kind, some in matrices.items()}
parts["keys and values"] = cache_bytes
# not shown
table(
    {
        "what one token reads": "",
        "MB": ".1f",
        "share of the bytes, %": ".1f",
        "predicted, ms": ".1f",
        "measured alone, ms": ".1f",
    },
    [
        (
            name,
            nbytes / 1e6,
            100 * nbytes / sum(parts.values()),
            1000 * nbytes / speed,
            1000 * seconds[1, name] if name in matrices else "",
        )
        for name, nbytes in parts.items()
    ]
    + [
        (
            "the whole step",
            sum(parts.values()) / 1e6,
            100,
            1000 * sum(parts.values()) / speed,
            1000 * tpot,
        )
    ],
)
from membound.page.checks import allocated

check(
    "bytes of all matrices of SmolLM2-135M in float32",
    allocated(sum(parts.values()) - cache_bytes, "nbytes"),
    closed_form(4 * matrix_parameters, "4 (L h (2q + 2kv + 3i) + V h)"),
    spec=",d",
)
value(
    "mlp_share",
    100 * (parts["gate and up"] + parts["down"]) / sum(parts.values()),
    ".0f",
)
value("head_bytes_share", 100 * parts["head"] / sum(parts.values()), ".0f")
value("cache_share", 100 * cache_bytes / sum(parts.values()), ".0f")
value(
    "cache_equal_tokens",
    4 * matrix_parameters / (cache_bytes / cache.num_tokens),
    ",.0f",
)

# %% roofline
from membound.page.figures import new_figure
from membound.page.palette import DECODE, MUTED, PREFILL
from membound.page.show import show

figure = new_figure(height=430)
axes = figure.axes[0]


def name_point(name, done, taken, color, offset, align="left"):
    axes.annotate(
        name,
        (done.intensity, done.flops / taken / 1e9),
        xytext=offset,
        textcoords="offset points",
        color=color,
        horizontalalignment=align,
        verticalalignment="center",
    )


span = np.geomspace(0.12, 1000, 200)
axes.plot(span, [roof.attainable(i) / 1e9 for i in span], color=MUTED)
axes.plot(
    [total[b].intensity for b in batches],
    [total[b].flops / total_s[b] / 1e9 for b in batches],
    "o-",
    color=DECODE,
    markersize=6,
)
for b, offset in ((4, (8, -6)), (16, (8, -8)), (256, (9, 0))):
    name_point(fill("batch {b}", b=b), total[b], total_s[b], DECODE, offset)
a = attention_done
for name, done, taken, marker, color, offset, align in (
    ("decode", decode_work, tpot, "s", DECODE, (-7, -12), "right"),
    ("prefill", prefill_work, ttft, "s", PREFILL, (9, -8), "left"),
    (
        "attention",
        a["decode"],
        attention_s["decode"],
        "D",
        DECODE,
        (9, -5),
        "left",
    ),
    (
        "attention",
        a["prefill"],
        attention_s["prefill"],
        "D",
        PREFILL,
        (9, -5),
        "left",
    ),
):
    rate = done.flops / taken / 1e9
    axes.plot(done.intensity, rate, marker, color=color, markersize=8)
    name_point(name, done, taken, color, offset, align)
axes.annotate(
    fill("memory: {gb:.0f} GB/s", gb=bandwidth / 1e9),
    (0.12, 1.35 * roof.flops_per_s / 1e9),
    color=MUTED,
    verticalalignment="center",
)
axes.annotate(
    fill("arithmetic: {gf:.0f} GFLOP/s", gf=roof.flops_per_s / 1e9),
    (1000, 2.2 * roof.flops_per_s / 1e9),
    color=MUTED,
    horizontalalignment="right",
    verticalalignment="center",
)
axes.set_xscale("log")
axes.set_yscale("log")
axes.set_ylim(2, 3 * roof.flops_per_s / 1e9)
axes.set_xlabel("FLOPs per byte")
axes.set_ylabel("GFLOP/s")
show(
    figure,
    name="roofline",
    title="Decode leans on memory, prefill on arithmetic",
    caption="The grey roof is what this machine can do, measured in this build. Circles in a row: "
    "all matrices of SmolLM2-135M, multiplied by a batch of 1 to 256 vectors. Squares: the whole "
    "model, one decode step and a prefill of 256 tokens. Diamonds: attention alone, of one token "
    "to 2048 others, and of 256 tokens to each other. Both axes are logarithmic.",
    alt="A roof that rises and then runs flat. Decode lies under the rising part, prefill and "
    "large batches under the flat one.",
)

# %% llama
TABLE = {  # Llama-3.1-8B: GiB, prompt tokens/s (512), generated tokens/s (128)
    "F16": (14.96, 923.49, 29.17),
    "Q8_0": (7.95, 865.09, 50.93),
    "Q6_K": (6.14, 812.01, 58.67),
    "Q5_K_M": (5.33, 758.69, 67.23),
    "Q4_K_M": (4.58, 821.81, 71.93),
    "Q3_K_M": (3.74, 783.44, 71.68),
    "Q2_K": (2.95, 784.45, 79.85),
}
gigabytes = {name: gib * 2**30 / 1e9 for name, (gib, _, _) in TABLE.items()}
ms = {name: 1000 / generated for name, (_, _, generated) in TABLE.items()}

# A fixed time and a time per byte, drawn through two of the rows.
slope = (ms["F16"] - ms["Q8_0"]) / (gigabytes["F16"] - gigabytes["Q8_0"])
fixed = ms["F16"] - slope * gigabytes["F16"]
predicted_speed = {
    name: 1000 / (fixed + slope * size) for name, size in gigabytes.items()
}
# not shown
from membound.page.checks import published

README = (
    "[llama.cpp, tools/quantize/README.md]"
    "(https://github.com/ggml-org/llama.cpp/blob/master/tools/quantize/README.md)"
)
table(
    {
        "file": "",
        "GB": ".2f",
        "generated tokens/s": ".1f",
        "GB × tokens/s": ".0f",
        "predicted tokens/s": ".1f",
        "off by, %": "+.0f",
        "prompt tokens/s": ".0f",
    },
    [
        (
            f"`{name}`",
            gigabytes[name],
            generated,
            gigabytes[name] * generated,
            predicted_speed[name],
            100 * (predicted_speed[name] / generated - 1),
            prompt_speed,
        )
        for name, (_, prompt_speed, generated) in TABLE.items()
    ],
)
for name in ("Q6_K", "Q5_K_M", "Q4_K_M"):
    check(
        fill(
            "tokens/s of Llama-3.1-8B, {name}, predicted from its size",
            name=name,
        ),
        computed(predicted_speed[name]),
        published(TABLE[name][2], README),
        within=0.15 * TABLE[name][2],
        spec=".1f",
    )
smaller = TABLE["F16"][0] / TABLE["Q4_K_M"][0]
faster = TABLE["Q4_K_M"][2] / TABLE["F16"][2]
value("smaller", smaller, ".2f")
value("faster", faster, ".2f")
value("f16_gb", gigabytes["F16"] * TABLE["F16"][2], ".0f")
value("q4_gb", gigabytes["Q4_K_M"] * TABLE["Q4_K_M"][2], ".0f")
value("q2_gb", gigabytes["Q2_K"] * TABLE["Q2_K"][2], ".0f")
value("fixed_ms", fixed, ".1f")
value("slope_gb", 1000 / slope, ".0f")
value("q2_off", 100 * (predicted_speed["Q2_K"] / TABLE["Q2_K"][2] - 1), ".0f")
value(
    "q3_off", 100 * (predicted_speed["Q3_K_M"] / TABLE["Q3_K_M"][2] - 1), ".0f"
)
value(
    "f16_embedding_share",
    100 * 128256 * 4096 * 2 / gigabytes["F16"] / 1e9,
    ".0f",
)
value("pp_loss", 100 * (1 - TABLE["Q4_K_M"][1] / TABLE["F16"][1]), ".0f")

# %% exercise-lesson
hidden, inner = config.hidden_size, config.intermediate_size
four = config.num_layers * 24 * hidden**2  # 6SD² + 2SD² + 8SD² + 8SD², S = 1
three_mlp = config.num_layers * 2 * 3 * hidden * inner
square_attention = (
    config.num_layers
    * 2
    * hidden
    * (2 * config.query_size + 2 * config.kv_size)
)
head = 2 * config.vocab_size * hidden
scores = attention_done["decode"].flops
table(
    {"MFLOPs for one token": "", "the table": ",.0f", "counted": ",.0f"},
    [
        (
            "q, k, v and attention out",
            config.num_layers * 8 * hidden**2 / 1e6,
            square_attention / 1e6,
        ),
        (
            "MLP",
            config.num_layers * 16 * hidden**2 / 1e6,
            three_mlp / 1e6,
        ),
        ("head", 0, head / 1e6),
        ("attention over 2048 keys", 0, scores / 1e6),
        (
            "all",
            four / 1e6,
            (square_attention + three_mlp + head + scores) / 1e6,
        ),
    ],
)
value("four_mflops", four / 1e6, ".0f")
value(
    "counted_mflops",
    (square_attention + three_mlp + head + scores) / 1e6,
    ".0f",
)
value(
    "missing_share",
    100 * (head + scores) / (square_attention + three_mlp + head + scores),
    ".0f",
)

# %% exercise-batch
from membound.matmuls import matmul_work

h100 = Roof(989e12, 3.35e12)  # dense BF16, SXM
needed = next(
    b
    for b in range(1, 4096)
    if matmul_work(b, 4096, 14336, itemsize=2).intensity >= h100.ridge
)
value("h100_ridge", h100.ridge, ".0f")
value("h100_batch", needed)
value("h100_idle", h100.ridge, ".0f")
value(
    "our_batch",
    next(
        b
        for b in range(1, 4096)
        if matmul_work(b, 576, 3072).intensity >= roof.ridge
    ),
)
