# %% right
import numpy as np

from membound.cache.contiguous import ContiguousCache
from membound.cost.kv import KVPolicy
from membound.cost.tables import find_device, find_model
from membound.cost.weights import model_weights


def right_kv(model, tokens, bits=16):
    """Bytes of the cache of one sequence of `tokens`."""
    kind = {16: "f16", 8: "fp8"}[bits]
    policy = KVPolicy(key_type=kind, value_type=kind)
    return policy.num_bytes(find_model(model), tokens, 1)


def right_weights(model, name):
    """Bytes of a model's weights in a format, of all tensors as they are."""
    return model_weights(find_model(model), name).total_bytes


llama = ContiguousCache(32, 8, 128, 8192, dtype=np.float16)
# not shown
from membound.page.checks import (
    allocated,
    check,
    closed_form,
    computed,
    counted,
    published,
    reference,
)
from membound.page.tables import table
from membound.page.text import fill
from membound.page.values import value

GB, MIB, GIB = 1e9, 2**20, 2**30
LLAMA_CPP = "llama.cpp 0.5.0, llama-fit-params"
GITHUB = "https://github.com"
table(
    {"Llama-3.1-8B, FP16, 8192 tokens": "", "bytes": ",d"},
    [
        ("the formula", int(right_kv("llama-3.1-8b", 8192))),
        ("allocated, and asked for its `nbytes`", llama.nbytes),
        ("printed by llama.cpp", 1024 * MIB),
    ],
)
check(
    "bytes of the cache of Llama-3.1-8B, 8192 tokens",
    computed(right_kv("llama-3.1-8b", 8192)),
    allocated(llama.nbytes, "nbytes"),
    spec=",.0f",
)
check(
    "MiB of the cache of Llama-2-7B, 4096 tokens",
    computed(right_kv("llama-2-7b", 4096) / MIB),
    reference(2048, LLAMA_CPP),
)
gemma = find_model("gemma-3-27b")
check(
    "MiB of the cache of Gemma-3-27B as llama.cpp keeps it, 131,072 tokens",
    computed(KVPolicy(engine="llama.cpp").num_bytes(gemma, 131_072, 1) / MIB),
    reference(10_864, LLAMA_CPP),
)
check(
    "bytes of one token of DeepSeek-V3",
    computed(right_kv("deepseek-v3", 1)),
    published(
        70_272,
        "[DeepSeek-V3 insights](https://arxiv.org/abs/2505.09343), table 1",
    ),
    spec=",.0f",
)
UNITS = {"B": 1, "GiB": GIB, "GB": GB, "ms": 1e-3, "TFLOP/s": 1e12}
slips = {}


def slip(name, model, gives, right, unit, report, address):
    """A row of the table at the end: all quantities in bytes, s or 1/s."""
    spec = ",.0f" if unit in ("B", "TFLOP/s") else ",.3g"
    shown = [
        f"{quantity / UNITS[unit]:{spec}} {unit}" for quantity in (gives, right)
    ]
    slips[name] = (model, shown, gives / right, f"[{report}]({address})")


# %% heads
def heads_for_kv_heads(m, tokens):
    return 2 * m.num_layers * m.num_heads * m.head_dim * tokens * 2


def hidden_size_and_bits_for_bytes(m, tokens, bits):
    return 2 * m.num_layers * m.hidden_size * tokens * bits


def hidden_over_heads(m, tokens):
    head_dim = m.hidden_size // m.num_heads
    return 2 * m.num_layers * m.num_kv_heads * head_dim * tokens * 2


llama, qwen2, qwen3 = map(
    find_model, ("llama-3.1-8b", "qwen2.5-7b", "qwen3-0.6b")
)
four_times = heads_for_kv_heads(llama, 8192)
asked = hidden_size_and_bits_for_bytes(qwen2, 1, bits=8)
half = hidden_over_heads(qwen3, 40_960)
# not shown
unsloth = ("unsloth #4757", f"{GITHUB}/unslothai/unsloth/pull/4757")
slip(
    "heads for KV heads",
    ("{name}, {n} tokens", "Llama-3.1-8B", "8192"),
    four_times,
    right_kv("llama-3.1-8b", 8192),
    "GiB",
    "vLLM #29736",
    f"{GITHUB}/vllm-project/vllm/pull/29736",
)
slip(
    "heads, bits for bytes",
    ("{name}, 1 token", "Qwen2.5-7B"),
    asked,
    right_kv("qwen2.5-7b", 1),
    "B",
    "vLLM #22291",
    f"{GITHUB}/vllm-project/vllm/issues/22291",
)
slip(
    "hidden / heads",
    ("{name}, {n} tokens", "Qwen3-0.6B", "40,960"),
    half,
    right_kv("qwen3-0.6b", 40_960),
    "GiB",
    *unsloth,
)
check(
    "heads for KV heads, Llama-3.1-8B: the factor",
    computed(slips["heads for KV heads"][2]),
    published(4, f"[vLLM #29736]({GITHUB}/vllm-project/vllm/pull/29736)"),
)
check(
    "bytes of one token of Qwen2.5-7B, as asked",
    computed(asked),
    published(
        1_605_632, f"[vLLM #22291]({GITHUB}/vllm-project/vllm/issues/22291)"
    ),
    spec=",.0f",
)
check(
    "bytes of one token of Qwen2.5-7B",
    computed(right_kv("qwen2.5-7b", 1)),
    allocated(
        ContiguousCache(28, 4, 128, 1, dtype=np.float16).nbytes, "nbytes"
    ),
    spec=",.0f",
)
for name, ours, theirs in (
    ("hidden / heads", half, 2.19),
    ("head_dim", right_kv("qwen3-0.6b", 40_960), 4.38),
):
    check(
        fill("GiB of Qwen3-0.6B, 40,960 tokens, by {name}", name=name),
        computed(ours / GIB),
        published(theirs, "[{}]({})".format(*unsloth)),
        within=0.006,
        spec=".3f",
    )
value("asked_factor", asked / right_kv("qwen2.5-7b", 1), ".0f")
value("asked_heads", qwen2.num_heads // qwen2.num_kv_heads)
value("asked_bytes", 8 // 2)


# %% layers
def every_layer_in_full(m, tokens):
    return 2 * m.num_layers * m.num_kv_heads * m.head_dim * tokens * 2


def mla_as_full_heads(m, tokens):
    per_layer = m.num_heads * (m.head_dim + m.value_dim)
    return m.num_layers * per_layer * tokens * 2


def mla_twice(m, tokens):
    return 2 * m.num_layers * m.kv_lora_rank * tokens * 2


deepseek = find_model("deepseek-v3")
full = every_layer_in_full(gemma, 131_072)
both = hidden_over_heads(gemma, 131_072)
unfolded = mla_as_full_heads(deepseek, 65_536)
twice = mla_twice(deepseek, 1)
# the GGUF file of an MLA model says that it has one KV head
narrow = 2 * 61 * 1 * (7168 // 128) * 163_840 * 2
# not shown
slip(
    "windows forgotten",
    ("{name}, {n} tokens", "Gemma-3-27B", "131,072"),
    full,
    right_kv("gemma-3-27b", 131_072),
    "GiB",
    "GPUStack #2101",
    f"{GITHUB}/gpustack/gpustack/issues/2101",
)
slip(
    "windows and head_dim",
    ("{name}, {n} tokens", "Gemma-3-27B", "131,072"),
    both,
    right_kv("gemma-3-27b", 131_072),
    "GiB",
    *unsloth,
)
slip(
    "MLA as full heads",
    ("{name}, {n} tokens", "DeepSeek-V3", "65,536"),
    unfolded,
    right_kv("deepseek-v3", 65_536),
    "GiB",
    "gguf-parser #8",
    f"{GITHUB}/gpustack/gguf-parser-go/issues/8",
)
slip(
    "MLA as K and V",
    ("{name}, 1 token", "DeepSeek-V3"),
    twice,
    right_kv("deepseek-v3", 1),
    "B",
    "LMCache #694",
    f"{GITHUB}/LMCache/LMCache/pull/694",
)
slip(
    "MLA as one KV head",
    ("{name}, {n} tokens", "DeepSeek-V3", "163,840"),
    narrow,
    right_kv("deepseek-v3", 163_840),
    "GiB",
    *unsloth,
)
check(
    "Gemma-3-27B, 131,072 tokens without windows, MiB",
    computed(full / MIB),
    reference(63_488, "llama.cpp 0.5.0, --swa-full"),
)
for name, ours, theirs in (
    ("Gemma-3-27B, windows forgotten, hidden / heads", both, 81.38),
    ("Gemma-3-27B", right_kv("gemma-3-27b", 131_072), 10.41),
    ("DeepSeek-V3, MLA as one KV head", narrow, 2.08),
    ("DeepSeek-V3", right_kv("deepseek-v3", 163_840), 10.72),
):
    check(
        fill("GiB at the longest context: {name}", name=name),
        computed(ours / GIB),
        published(theirs, "[{}]({})".format(*unsloth)),
        within=0.006,
        spec=".3f",
    )
value("mla_low", slips["MLA as one KV head"][2], ".2f")
value("mla_high", slips["MLA as full heads"][2], ".0f")
value(
    "mla_span",
    slips["MLA as full heads"][2] / slips["MLA as one KV head"][2],
    ".0f",
)
value("mla_unfolded_gib", unfolded / GIB, ".0f")
value("gemma_both", slips["windows and head_dim"][2], ".1f")
value("gemma_window", slips["windows forgotten"][2], ".1f")
value("gemma_head_dim", both / full, ".2f")


# %% no-shape
def parameters_times_context(billions, tokens):
    return 0.000008 * billions * tokens * 1e9


def model_size_times_context(model_gb, tokens):
    return tokens * model_gb * 0.2 / 1000 * 1e9


by_parameters = parameters_times_context(6.74, 4096)  # Llama-2-7B
by_parameters_v3 = parameters_times_context(671, 131_072)  # DeepSeek-V3
by_size = model_size_times_context(16, 8192)  # Llama-3.1-8B in 16 bits
a_fifth_more = 70 * (8 / 8) * (1 + 0.2) * 1e9  # Llama-3-70B in 8 bits
cache_of_32 = 32 * right_kv("llama-3.1-70b", 8192, bits=8)
# not shown
slip(
    "parameters × tokens",
    ("{name}, {n} tokens", "Llama-2-7B", "4096"),
    by_parameters,
    right_kv("llama-2-7b", 4096),
    "GB",
    "llmfit #418",
    f"{GITHUB}/AlexsJones/llmfit/issues/418",
)
slip(
    "model size × tokens",
    ("{name}, {n} tokens", "Llama-3.1-8B", "8192"),
    by_size,
    right_kv("llama-3.1-8b", 8192),
    "GB",
    "SelfHostLLM",
    f"{GITHUB}/erans/selfhostllm/blob/0520b4548596e001472bfdac95c3ccd17a9d543a/README.md",
)
slip(
    "weights + 20 %",
    ("{name}, {n} tokens", "Llama-3-70B INT8", "32 × 8192"),
    a_fifth_more,
    70e9 + cache_of_32,
    "GB",
    "handbook",
    f"{GITHUB}/bentoml/llm-inference-handbook/blob/42518ca8123e65e8a18eb1d9e7128200e7e50bf0/src/components/Calculator/GPUMemory/index.tsx",
)
check(
    "GB of Llama-3-70B in INT8 with 32 sequences of 8192",
    computed((70e9 + cache_of_32) / GB),
    published(112, "[scaling-book](https://github.com/jax-ml/scaling-book)"),
    within=1,
    spec=".1f",
)
v3_factor = by_parameters_v3 / right_kv("deepseek-v3", 131_072)
value("parameters_low", slips["parameters × tokens"][2], ".2f")
value("parameters_high", v3_factor, ".0f")
value("size_factor", slips["model size × tokens"][2], ".0f")
value("fifth_cache_gb", cache_of_32 / GB, ".1f")
value("fifth_of_70", 14)
value("fifth_tokens", 14e9 / right_kv("llama-3.1-70b", 1, bits=8), ",.0f")

# %% names
active_experts = 16e9  # of Mixtral-8x7B's weights in 16 bits
all_experts = right_weights("mixtral-8x7b", "f16")
four_bits = 8.03e9 * 4 / 8  # Llama-3.1-8B "in 4 bits"
q4_k_m = right_weights("llama-3.1-8b", "q4_k_m")
block_bits = 494e6 * 4.5 / 8  # Qwen2.5-0.5B in Q4_K's 4.5
q4_k_m_small = right_weights("qwen2.5-0.5b", "q4_k_m")
sixteen_heads = 2 * 126 * 16 * 128 * 128_000 * 2  # Llama-3.1-405B has 8
sparse = 1979e12
# not shown
llama_405b = right_kv("llama-3.1-405b", 128_000)
h100 = find_device("h100-sxm")
slip(
    "active experts only",
    ("{name}, FP16, weights", "Mixtral-8x7B"),
    active_experts,
    all_experts,
    "GB",
    "SelfHostLLM",
    f"{GITHUB}/erans/selfhostllm/blob/0520b4548596e001472bfdac95c3ccd17a9d543a/README.md",
)
slip(
    "4 bits for Q4_K_M",
    ("{name}, weights", "Llama-3.1-8B"),
    four_bits,
    q4_k_m,
    "GB",
    "GGUF",
    "../gguf/",
)
slip(
    "4.5 bits for Q4_K_M",
    ("{name}, weights", "Qwen2.5-0.5B"),
    block_bits,
    q4_k_m_small,
    "GB",
    "GGUF",
    "../gguf/",
)
slip(
    "16 KV heads for 8",
    ("{name}, {n} tokens", "Llama-3.1-405B", "128,000"),
    sixteen_heads,
    llama_405b,
    "GiB",
    "HF blog #2345",
    f"{GITHUB}/huggingface/blog/issues/2345",
)
slip(
    "GB headed GiB",
    ("{name}, {n} tokens", "Llama-2-13B", "8192"),
    6.7 * GIB,
    right_kv("llama-2-13b", 8192),
    "GiB",
    "scaling-book",
    f"{GITHUB}/jax-ml/scaling-book/blob/04d8de58b9f64e2d6cc1df469b8a36f506a0138d/inference.md",
)
slip(
    "sparse for dense",
    ("H100 SXM, BF16", ""),
    sparse,
    h100.flops_16,
    "TFLOP/s",
    "fms-fsdp #89",
    f"{GITHUB}/foundation-model-stack/fms-fsdp/issues/89",
)
for name, ours, theirs, digits in (
    ("Mixtral-8x7B, F16", all_experts, 93.408, 2),
    ("Llama-3.1-8B, Q4_K_M", q4_k_m, 4685.30 * MIB / GB, 4),
    ("Qwen2.5-0.5B, Q4_K_M", q4_k_m_small, 0.392, 3),
):
    check(
        fill("GB of the weights of {name}", name=name),
        computed(ours / GB),
        reference(theirs, "llama.cpp 0.5.0, llama-quantize --dry-run"),
        within=0.6 * 10**-digits,
        spec=f".{digits}f",
    )
check(
    "GiB of Llama-3.1-405B with 16 KV heads, 128,000 tokens",
    computed(sixteen_heads / GIB),
    published(
        123.05, f"[HF blog #2345]({GITHUB}/huggingface/blog/issues/2345)"
    ),
    within=0.01,
    spec=".2f",
)
check(
    "bytes of one token of Llama-3.1-405B",
    computed(right_kv("llama-3.1-405b", 1)),
    published(
        516_096,
        "[DeepSeek-V3 insights](https://arxiv.org/abs/2505.09343), table 1",
    ),
    spec=",.0f",
)
check(
    "GB of the cache of Llama-2-13B, 8192 tokens",
    computed(right_kv("llama-2-13b", 8192) / GB),
    published(6.7, "[scaling-book](https://github.com/jax-ml/scaling-book)"),
    within=0.05,
    spec=".2f",
)
check(
    "dense TFLOP/s of an H100 SXM, BF16",
    computed(h100.flops_16 / 1e12),
    published(989, f"[FlashMLA #75]({GITHUB}/deepseek-ai/FlashMLA/issues/75)"),
)
paper_ratio = 516.096 / 70.272
value("paper_ratio", paper_ratio, ".2f")
value("mfu_sparse", 100 * 480 / 1979, ".1f")
value("mfu_dense", 100 * 480 / 989, ".1f")

# %% time
parameters, peak, bandwidth = 13e9, 312e12, 1.555e12  # A100 40 GB

by_operations = 2 * parameters / peak
by_bytes = 2 * parameters / bandwidth
reported = 17.07e-3
# not shown
ANALYSIS = f"{GITHUB}/cli99/llm-analysis/blob/54b51aabc8b89cf2ebd1479e47e80ef5d0a50962/tests/test_inference.py"
slip(
    "operations / peak",
    ("{name}, A100 40 GB, 1 token", "13B"),
    by_operations,
    reported,
    "ms",
    "llm-analysis",
    ANALYSIS,
)
table(
    {"13B in FP16 on an A100 with 40 GB": "", "ms per token": ".3g"},
    [
        ("operations / peak", 1000 * by_operations),
        ("bytes of the weights / bandwidth", 1000 * by_bytes),
        ("reported for FasterTransformer", 1000 * reported),
    ],
)
check(
    "ms per token of a 13B on an A100 with 40 GB, bytes / bandwidth",
    computed(1000 * by_bytes),
    published(17.07, f"[llm-analysis]({ANALYSIS})"),
    within=1.7,
    spec=".2f",
)
value("operations_factor", reported / by_operations, ".0f")
value("bytes_factor", by_bytes / reported, ".2f")

# %% all
table(
    {
        "formula": "",
        "factor": ".2g",
        "gives": ".3g",
        "right": ".3g",
        "on": "",
        "report or source": "",
    },
    [
        (
            name,
            factor,
            *(fill("{x}", x=text) for text in shown),
            fill(model[0], name=model[1], n=model[-1]),
            fill("{link}", link=link),
        )
        for name, (model, shown, factor, link) in sorted(
            slips.items(), key=lambda row: -row[1][2]
        )
    ],
)

# %% figure
# not shown
from membound.page.figures import new_figure
from membound.page.palette import BAD, MUTED, WITH
from membound.page.show import show

ordered = sorted(slips, key=lambda name: slips[name][2])
figure = new_figure(height=25 * len(ordered) + 60)
axes = figure.axes[0]
axes.set_xscale("log")
axes.axvline(1, color=MUTED, linewidth=1)
for row, name in enumerate(ordered):
    factor = slips[name][2]
    color = BAD if factor > 1 else WITH
    axes.plot([1, factor], [row, row], color=color, linewidth=3)
    axes.plot([factor], [row], "o", color=color)
    size = f"{factor:.2g}×" if factor < 9.5 else f"{factor:.0f}×"
    for text, x, side in ((size, factor, 1), (name, 1, -1)):
        side = side if factor > 1 else -side
        axes.annotate(
            text,
            (x, row),
            xytext=(7 * side, 0),
            textcoords="offset points",
            horizontalalignment="left" if side > 0 else "right",
            verticalalignment="center",
        )
axes.set_yticks([])
axes.set_xticks([0.01, 0.1, 1, 10, 100])
axes.set_xlim(4e-4, 2000)
axes.grid(visible=False)
axes.set_xlabel("given / right")
show(
    figure,
    name="factors",
    title="Too large wastes GPUs, too small runs out of memory",
    caption="The factor by which each formula is off, on the configuration of the table. The axis is "
    "logarithmic and the line in the middle is right: to one side the answer is too large, to the "
    "other too small.",
    alt="Points from 0.005 to 71 times on a logarithmic axis around 1.",
)
factors = [slips[name][2] for name in slips]
value("num_slips", len(slips))
value("num_over", sum(factor > 1 for factor in factors))
value("num_under", sum(factor < 1 for factor in factors))
value("smallest", min(factors), ".3f")
value("largest", max(factors), ".0f")

# %% own
# not shown
import ast
from pathlib import Path

from membound.attention.counted import CountedAttention
from membound.attention.lesson_bugs import cache_beside_the_work
from membound.quant.integer import quantize
from membound.quant.lesson_bugs import forgotten_minimum, rounded_twice

SOURCE = f"{GITHUB}/membound/membound/blob/main/"
rng = np.random.default_rng(0)
weights = rng.normal(size=(64, 256)).astype(np.float32)
step = np.ptp(weights, axis=1, keepdims=True) / 255
idle = cache_beside_the_work(
    CountedAttention(hidden_size=64, num_heads=4, seed=0), weights[:, :64]
)
int4 = quantize(weights, bits=4, per="row", scheme="symmetric")
own = [
    (
        "lesson: a KV cache that caches nothing",
        fill("{n} keys for {t} tokens", n=idle.num_projected, t=64),
        fill("{n} keys", n=64),
        "tests/attention/test_lesson_bugs.py#test_a_cache_beside_the_work_is_right_and_saves_nothing",
    ),
    (
        "lesson: INT4 is 4.00 times smaller than FP32",
        "4.00×",
        f"{weights.nbytes / int4.codes.nbytes:.2f}×",
        "tests/quant/test_integer.py#test_codes_of_four_bits_are_an_eighth_of_float32",
    ),
    (
        "lesson: round((W − min)/s), read back as s · code",
        fill(
            "off by {n} steps",
            n=f"{(np.abs(forgotten_minimum(weights) - weights) / step).max():.0f}",
        ),
        fill("off by {n} steps", n=0.5),
        "tests/quant/test_lesson_bugs.py#test_forgetting_the_minimum_is_off_by_the_minimum",
    ),
    (
        "lesson: a zero point rounded on one side only",
        fill(
            "off by {n} steps",
            n=f"{(np.abs(rounded_twice(weights) - weights) / step).max():.2f}",
        ),
        fill("off by {n} steps", n=0.5),
        "tests/quant/test_lesson_bugs.py#test_rounding_twice_doubles_the_largest_error_and_shifts_each_row",
    ),
    (
        "ours: a 2-bit cache that kept what it had already quantised",
        "more bytes than its `nbytes`",
        "its `nbytes`",
        "tests/cache/test_quantised_caches.py#test_nbytes_is_the_memory_that_is_held_between_steps",
    ),
    (
        "ours: KL weighed by the wrong model",
        "`Σ q (log p − log q)`",
        "`Σ p (log p − log q)`",
        "tests/decode/test_quality.py#test_all_numbers_are_those_of_a_loop_over_the_text",
    ),
]


def missing(place):
    """Whether the test that holds a slip is no longer there."""
    path, name = place.split("#")
    tree = ast.parse(Path(path).read_text("utf-8"))
    return all(getattr(node, "name", "") != name for node in tree.body)


table(
    {"slip": "", "it gave": "", "right": "", "held by": ""},
    [
        (
            name,
            gave,
            right,
            fill(
                "{link}",
                link=f"[`{place.split('#')[0].split('/')[-1]}`]({SOURCE}{place.split('#')[0]})",
            ),
        )
        for name, gave, right, place in own
    ],
)
check(
    "tests named on this page that are not there",
    counted(sum(missing(place) for *_, place in own)),
    closed_form(0, "0"),
)

# %% exercise-window
windowed = find_model("gpt-oss-20b")
forgotten = every_layer_in_full(windowed, 131_072)
kept = right_kv("gpt-oss-20b", 131_072)
# not shown
check(
    "GiB of gpt-oss-20b without windows, 131,072 tokens",
    computed(forgotten / GIB),
    published(
        6.00,
        f"[gguf-parser #32]({GITHUB}/gpustack/gguf-parser-go/issues/32)",
    ),
    within=0.005,
    spec=".3f",
)
value("window_forgotten", forgotten / GIB, ".2f")
value("window_kept", kept / GIB, ".2f")
value("window_factor", forgotten / kept, ".2f")

# %% exercise-head-dim
oss_layer = hidden_over_heads(windowed, 1) / right_kv("gpt-oss-20b", 1)
gemma_12b = find_model("gemma-3-12b")
gemma_12b_derived = gemma_12b.hidden_size // gemma_12b.num_heads
# not shown
check(
    "gpt-oss-20b, hidden / heads over head_dim",
    computed(oss_layer),
    published(
        0.7,
        f"[Model-Optimizer #2482]({GITHUB}/NVIDIA/Model-Optimizer/issues/2482)",
    ),
    within=0.005,
    spec=".3f",
)
value("oss_share", 100 * (1 - oss_layer), ".0f")
value("gemma_12b_derived", gemma_12b_derived)
value("gemma_12b_head_dim", gemma_12b.head_dim)
