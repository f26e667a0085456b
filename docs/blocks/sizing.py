# %% sum
from membound.cost.calculator import estimate
from membound.cost.options import case
from membound.cost.tables import find_device, find_model
from membound.units import GIB

llama, h100 = find_model("llama-3.1-8b"), find_device("h100-sxm")


def sized(**load):
    """Llama-3.1-8B in BF16 on one H100, its cache and reserve as in vLLM."""
    return estimate(case(llama, "bf16", "f16", h100, "vllm", **load))


found = sized(context=8192.0, concurrency=8.0)
for part in ("weights", "cache", "activations", "reserve", "total"):
    print(f"{part:<12}{found['memory'][part] / GIB:6.2f} GiB")
print(f"{'of':<12}{found['memory']['memory'] / GIB:6.2f} GiB")
# not shown
import numpy as np

from membound.page.checks import (
    band,
    brute_force,
    check,
    closed_form,
    computed,
    measured,
    published,
    reference,
)
from membound.page.tables import table
from membound.page.text import fill, say
from membound.page.values import value
from membound.units import KIB, MIB

memory = found["memory"]
check(
    "Llama-3.1-8B in BF16: bytes of the weights",
    computed(memory["weights"]),
    closed_form(2 * 8_030_261_248, "2 · 8,030,261,248"),
    spec=",.0f",
)
check(
    "8 requests of 8192 tokens: bytes of the cache",
    computed(memory["cache"]),
    closed_form(8 * 8192 * 131_072, "8 · 8192 · 131,072"),
    spec=",.0f",
)
most, requests = found["largest_concurrency"], 0.0
while sized(context=8192.0, concurrency=requests + 1.0)["memory"]["free"] >= 0:
    requests += 1.0
check(
    "most requests of 8192 tokens at once",
    computed(most),
    brute_force(requests, "one more, until it does not fit"),
    spec=".0f",
)
one, full = sized(concurrency=1.0), sized(concurrency=most)
value("most", most, ".0f")
value("gain", full["tokens_per_s"] / one["tokens_per_s"], ".0f")
value("one_per_s", one["tokens_per_s"], ".0f")
value("full_per_s", full["tokens_per_s"], ",.0f")
value("full_each_per_s", full["each_per_s"], ".0f")
value("full_tpot_ms", 1000 * full["decode"]["seconds"], ".0f")
value("weights_gib", memory["weights"] / GIB, ".1f")
value("h100_gib", memory["memory"] / GIB, ".1f")
value("token_kib", found["token_bytes"] / KIB, ".0f")
value("reserve_gib", memory["reserve"] / GIB, ".1f")

# %% calculator
# not shown
from membound.page.calculator import show_calculator

show_calculator()

# %% common
# not shown
common = [
    ("qwen2.5-7b", "Q4_K_M", "rtx-4090", 1, 8192, 4),
    ("llama-3.1-8b", "Q4_K_M", "rtx-4090", 1, 8192, 4),
    ("llama-3.1-8b", "bf16", "l40s", 1, 8192, 16),
    ("llama-3.1-8b", "bf16", "h100-sxm", 1, 8192, 16),
    ("qwen3-32b", "fp8", "h100-sxm", 1, 8192, 8),
    ("gemma-3-27b", "bf16", "h100-sxm", 1, 32768, 4),
    ("gpt-oss-20b", "mxfp4", "h100-sxm", 1, 32768, 16),
    ("llama-3.1-70b", "bf16", "h100-sxm", 2, 8192, 8),
    ("llama-3.1-70b", "bf16", "h100-sxm", 4, 8192, 16),
    ("llama-3.1-70b", "fp8", "h200-sxm", 1, 8192, 16),
    ("qwen3-235b-a22b", "fp8", "h200-sxm", 4, 32768, 16),
    ("deepseek-v3", "fp8", "h200-sxm", 8, 32768, 16),
]


def of(model, weights, device, gpus, context, concurrency):
    """One row: all else is as the calculator has it at first, or llama.cpp."""
    numbers = {"gpus": gpus, "context": context, "concurrency": concurrency}
    return estimate(
        case(
            find_model(model),
            weights,
            "f16",
            find_device(device),
            "llama.cpp" if weights == "Q4_K_M" else "vllm",
            **{name: float(number) for name, number in numbers.items()},
        )
    )


rows = []
for row in common:
    answer = of(*row)
    rows.append(
        (
            f"`{row[0]} {row[1]}`",
            f"`{row[3]} × {row[2]}`",
            f"{row[5]}\u00a0×\u00a0{row[4]:,}",
            answer["memory"]["total"] / GIB,
            "yes" if answer["fits"] else "no",
            answer["largest_concurrency"],
            1000 * answer["decode"]["seconds"],
            answer["tokens_per_s"],
        )
    )
table(
    {
        "model": "",
        "GPUs": "",
        "requests × tokens": "",
        "GiB on each": ".1f",
        "fits": "",
        "most requests": ",.0f",
        "TPOT, ms": ".1f",
        "tokens/s": ",.0f",
    },
    rows,
)

# %% published
# not shown
from membound.cost import formulas
from membound.cost.kv import KVPolicy
from membound.cost.weights import model_weights

RUN = "llama.cpp 0.5.0, llama-fit-params"
BOOK = "https://jax-ml.github.io/scaling-book"
PAGED = "[PagedAttention](https://arxiv.org/abs/2309.06180), section 3"
INSIGHTS = "[DeepSeek-V3 insights](https://arxiv.org/abs/2505.09343), table 1"
LLAMA31 = "[Hugging Face](https://huggingface.co/blog/llama31)"
printed = [  # model, cache, tokens, MiB that llama.cpp sets aside
    ("llama-2-7b", "f16", 512, 256),
    ("llama-2-7b", "f16", 2048, 1024),
    ("llama-2-7b", "f16", 4096, 2048),
    ("llama-3.1-8b", "f16", 8192, 1024),
    ("llama-3.1-8b", "f16", 131_072, 16_384),
    ("llama-3.1-8b", "q8_0", 131_072, 8704),
    ("llama-3.1-70b", "f16", 131_072, 40_960),
    ("gemma-3-27b", "f16", 131_072, 10_864),
    ("gpt-oss-20b", "f16", 131_072, 3090),
    ("qwen2.5-0.5b", "f16", 4096, 48),
    ("smollm2-135m", "f16", 8192, 180),
]
shown = []
for model, kind, tokens, mib in printed:
    policy = KVPolicy("llama.cpp", kind, kind)
    name = fill(
        "cache of {model}, {tokens} tokens in {kind}, MiB",
        model=model,
        tokens=f"{tokens:,}",
        kind=kind,
    )
    ours = policy.llamacpp_bytes(find_model(model), tokens) / MIB
    shown.append((name, ours, mib, "llama.cpp 0.5.0"))
    check(name, computed(ours), reference(mib, RUN), spec=",.0f")


def token_bytes(model, kind="f16"):
    """What a token adds to the cache of all layers."""
    spec = find_model(model)
    policy = KVPolicy("exact", kind, kind)
    return spec.num_layers * policy.layer_bytes(spec)


opt_13b = 40 * formulas.kv_layer_bytes(40.0, 128.0, 128.0, 16.0, 16.0)
qwen_72b = 80 * formulas.kv_layer_bytes(8.0, 128.0, 128.0, 16.0, 16.0)
int8_70b = token_bytes("llama-3.1-70b", "fp8")  # 8 bits, without scales
mix = model_weights(llama, "Q4_K_M")
step = formulas.memory_s(4 * 819e6 + 30e9, 16 * 8.1e11, 1.0)
ceiling = 1 / formulas.memory_s(140e9, 3.35e12, 1.0)
claims = [  # what, ours, theirs, how far apart, who says so
    ("OPT-13B, bytes a token", opt_13b, 819_200, 0, PAGED),
    (
        "DeepSeek-V3, bytes a token",
        token_bytes("deepseek-v3"),
        70_272,
        0,
        INSIGHTS,
    ),
    (
        "Llama-3.1-405B, bytes a token",
        token_bytes("llama-3.1-405b"),
        516_096,
        0,
        INSIGHTS,
    ),
    ("Qwen2.5-72B, bytes a token", qwen_72b, 327_680, 0, INSIGHTS),
    (
        "Llama-2-13B, 8192 tokens, GB",
        8192 * token_bytes("llama-2-13b") / 1e9,
        6.7,
        0.05,
        f"[How to scale your model]({BOOK}/inference/)",
    ),
    (
        "Llama-3-70B in INT8, 32 × 8192 tokens, weights and cache, GB",
        (32 * 8192 * int8_70b + 70e9) / 1e9,
        112,
        1.5,
        f"[How to scale your model]({BOOK}/applied-inference/)",
    ),
    (
        "30B in INT8, 4 requests of 819 MB, 16 chips: least step, ms",
        1000 * step,
        2.5,
        0.1,
        f"[How to scale your model]({BOOK}/inference/)",
    ),
    (
        "70B in FP16 on 3.35 TB/s: tokens/s of one request",
        ceiling,
        24,
        0.1,
        "[BentoML's handbook](https://github.com/bentoml/llm-inference-handbook)",
    ),
    (
        "Llama-3.1-8B, Q4_K_M weights, MiB",
        mix.total_bytes / MIB,
        4685.30,
        0.01,
        "[llama.cpp](https://github.com/ggml-org/llama.cpp/blob/master/tools/quantize/README.md)",
    ),
    (
        "Llama-3.1-8B, Q4_K_M, bits a weight",
        mix.bits_per_weight,
        4.8944,
        0.0001,
        "[llama.cpp](https://github.com/ggml-org/llama.cpp/blob/master/tools/quantize/README.md)",
    ),
    (
        "643,232 tokens of cache, requests of 40,960",
        643_232 / 40_960,
        15.70,
        0.005,
        "[vLLM](https://github.com/vllm-project/vllm/blob/main/docs/serving/parallelism_scaling.md)",
    ),
]
gib_rows = {"llama-3.1-8b": (0.125, 1.95, 15.62)}
gib_rows["llama-3.1-70b"] = (0.313, 4.88, 39.06)
for model, row in gib_rows.items():
    for tokens, theirs in zip((1024, 16_000, 128_000), row, strict=True):
        name = fill(
            "cache of {model}, {tokens} tokens in {kind}, GiB",
            model=model,
            tokens=f"{tokens:,}",
            kind="f16",
        )
        ours = tokens * token_bytes(model) / GIB
        claims.append((name, ours, theirs, 0.006, LLAMA31))
for name, ours, theirs, within, source in claims:
    shown.append((name, ours, theirs, source))
    check(name, computed(ours), published(theirs, source), within=within)
table(
    {"claim": "", "calculator": ",.6g", "theirs": ",.6g", "source": ""}, shown
)
value("num_cases", len(shown))
kv_405b = 128_000 * token_bytes("llama-3.1-405b") / GIB
doubled = (
    128_000 * 126 * formulas.kv_layer_bytes(16.0, 128.0, 128.0, 16.0, 16.0)
)
check(
    "Llama-3.1-405B with 16 KV heads, 128,000 tokens, GiB",
    computed(doubled / GIB),
    published(123.05, f"{LLAMA31}, a row that is double"),
    within=0.01,
)
value("right_405b", kv_405b, ".2f")
value("wrong_405b", doubled / GIB, ".2f")

# %% batch
# not shown
from membound.page.figures import label_end, new_figure
from membound.page.palette import SERIES
from membound.page.show import show

figure = new_figure()
axes = figure.axes[0]
bounds = []
for colour, context in zip(SERIES, (2048.0, 8192.0, 32_768.0), strict=False):
    limit = sized(context=context)["largest_concurrency"]
    batches = np.unique(np.geomspace(1, limit, 40).round())
    answers = [
        sized(context=context, concurrency=float(batch)) for batch in batches
    ]
    rates = [answer["tokens_per_s"] for answer in answers]
    bounds += [answer["decode"]["bound"] for answer in answers]
    axes.plot(batches, rates, color=colour)
    label_end(axes, fill("{n} tokens each", n=f"{context:,.0f}"))
    axes.plot(batches[-1:], rates[-1:], "o", color=colour)
axes.set_xscale("log")
axes.set_yscale("log")
axes.set_xlabel("requests at once")
axes.set_ylabel("tokens/s of all, decoding")
show(
    figure,
    name="sizing-batch",
    title="More requests share the reading of the weights, until the memory is full",
    caption="Llama-3.1-8B in BF16 on one H100, predicted. Each line ends at the most requests "
    "that fit. It bends where the caches outweigh the weights.",
    alt="Three rising lines; the longer the context, the sooner a line bends and ends.",
)
check(
    "points of the figure at which arithmetic binds",
    computed(bounds.count("compute")),
    closed_form(0, "B / W > F / P"),
)
value("figure_points", len(bounds))

# %% backtest
from membound.bench import interleave, machine_line, read_probes
from membound.cost.tables import Device
from membound.model.load import load_model
from membound.model.local import default_model_path

model = load_model(default_model_path())
prompt = model.tokenizer.encode("Memory is what it waits for. " * 200)
caches = {n: model.new_cache(n + 32) for n in (64, 1024)}
for num_tokens, cache in caches.items():
    model.prefill(prompt[:num_tokens], cache)
array, probes = read_probes()
steps = {n: lambda c=cache: model.decode(1, c) for n, cache in caches.items()}
times = interleave(probes | steps, repeats=9)
bandwidth = array.nbytes / min(times[name].fastest_s for name in probes)

spec = find_model("smollm2-135m")
here = Device("this machine", 8 * GIB, bandwidth, 0, 0, 0, 0, "measured", True)
predicted = {
    n: estimate(
        case(spec, "f32", "f32", here, context=float(n), concurrency=1.0)
        | {"answer": 1.0, "memory_percent": 100.0}
    )["decode"]
    for n in caches
}
# not shown
table(
    {
        "tokens in the cache": ",d",
        "MB read in a step": ",.1f",
        "predicted TPOT, ms": ".1f",
        "measured, ms": ".1f",
        "measured / predicted": ".2f",
    },
    [
        (
            n,
            (pass_["weights"] + pass_["cache"]) / 1e6,
            1000 * pass_["seconds"],
            1000 * times[n].fastest_s,
            times[n].fastest_s / pass_["seconds"],
        )
        for n, pass_ in predicted.items()
    ],
)
say(
    "Measured on: {machine}. The fastest of 9 runs, taken in turns.",
    machine=machine_line(fill),
)
ratios = {
    n: times[n].fastest_s / pass_["seconds"] for n, pass_ in predicted.items()
}
for n, ratio in ratios.items():
    check(
        fill("measured over predicted step, {n} tokens in the cache", n=n),
        measured(ratio),
        band(0.7, 4),
        spec=".2f",
    )
from membound.page.checks import allocated

check(
    "bytes of the weights that a step of the real model reads, and one row",
    computed(predicted[64]["weights"] + 4 * spec.hidden_size),
    allocated(model.weights.bytes_read_per_token, "nbytes"),
    spec=",.0f",
)
value("bandwidth", bandwidth / 1e9, ".0f")
value("short_ratio", ratios[64], ".2f")
value("reached", 100 / ratios[64], ".0f")
value("short_ms", 1000 * times[64].fastest_s, ".1f")
value("short_predicted_ms", 1000 * predicted[64]["seconds"], ".1f")
del array, probes, model, caches

# %% buffers
# not shown
sizes = [
    estimate(
        case(
            find_model(name),
            "Q8_0",
            "f16",
            h100,
            "llama.cpp",
            concurrency=1.0,
            context=4096.0,
        )
    )["memory"]["activations"]
    / MIB
    for name in sorted({row[0] for row in printed})
]
value("least_activations", min(sizes), ".0f")
value("most_activations", max(sizes), ".0f")

# %% fractions
# not shown
total, weights = memory["memory"], memory["weights"]
per_token = found["token_bytes"]
left = {
    "vLLM `--gpu-memory-utilization 0.92`": 0.92 * total
    - weights
    - memory["activations"],
    "SGLang `--mem-fraction-static 0.92`": 0.92 * total - weights,
    "TensorRT-LLM `--kv_cache_free_gpu_memory_fraction 0.92`": 0.92
    * (total - weights - memory["activations"]),
    "llama.cpp `--fit-target 1024`": total
    - weights
    - memory["activations"]
    - 1024 * MIB,
}
table(
    {
        "engine and setting": "",
        "room for the cache, GiB": ".1f",
        "tokens": ",d",
    },
    [(name, room / GIB, int(room // per_token)) for name, room in left.items()],
)
value("least_room", min(left.values()) / GIB, ".1f")
value("most_room", max(left.values()) / GIB, ".1f")


# %% bug-units
def fits(parameters, kv_gib, card_gb):
    """BF16 weights and a cache, on a card of so many GB."""
    weights_gb = 2 * parameters / 1e9
    return weights_gb + kv_gib < card_gb


print("fits:", fits(8.03e9, kv_gib=63, card_gb=80))
# not shown
needed = 2 * 8.03e9 + 63 * GIB
value("needed_gb", needed / 1e9, ".1f")
value("bug_gib", 63)
value("kv_gb", 63 * GIB / 1e9, ".1f")
check(
    "GB that the wrong calculator overlooks",
    computed((needed - 2 * 8.03e9) / 1e9 - 63),
    closed_form(63 * (1.073741824 - 1), "63 (1.0737 − 1)"),
    within=1e-9,
    spec=".2f",
)

# %% answers
# not shown
seventy = find_model("llama-3.1-70b")
big = case(seventy, "bf16", "f16", h100, "vllm", concurrency=8.0)
value("gpus_bf16", estimate(big)["gpus_needed"], ".0f")
small = case(seventy, "fp8", "f16", h100, "vllm", concurrency=8.0)
value("gpus_fp8", estimate(small)["gpus_needed"], ".0f")
even = one["decode"]["weights"] / found["token_bytes"]
single = sized(concurrency=1.0, context=float(round(even)))["decode"]
check(
    "cache over weights in the bytes of a step, at the break-even context",
    computed(single["cache"] / single["weights"]),
    closed_form(1, "weights / token_bytes"),
    within=1e-4,
    spec=".4f",
)
value("even", even, ",.0f")
