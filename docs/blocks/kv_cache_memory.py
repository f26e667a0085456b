# %% models
# not shown
models = {  # layers, query heads, KV heads, head_dim
    "Llama-2-7B": (32, 32, 32, 128),
    "OPT-13B": (40, 40, 40, 128),
    "Llama-3.1-8B": (32, 32, 8, 128),
    "Llama-3.1-70B": (80, 64, 8, 128),
    "Llama-3.1-405B": (126, 128, 8, 128),
    "Qwen2.5-0.5B": (24, 14, 2, 64),
    "SmolLM2-135M": (30, 9, 3, 64),
    "Gemma-2B": (18, 8, 1, 256),
}

# %% heads
import numpy as np

from membound.cache.contiguous import ContiguousCache


def token_bytes(num_layers, num_kv_heads, head_dim, dtype=np.float16):
    """What one more token takes, seen from two caches that were allocated."""
    sizes = num_layers, num_kv_heads, head_dim
    small, large = (ContiguousCache(*sizes, n, dtype=dtype) for n in (32, 64))
    return (large.nbytes - small.nbytes) // 32


per_token = {
    name: token_bytes(layers, kv_heads, head_dim)
    for name, (layers, _, kv_heads, head_dim) in models.items()
}
# not shown
from membound.page.checks import (
    allocated,
    band,
    brute_force,
    check,
    closed_form,
    computed,
    counted,
    measured,
    published,
    reference,
)
from membound.page.tables import table
from membound.page.text import fill, say
from membound.page.values import value
from membound.units import GIB, KIB, MIB

table(
    {
        "model": "",
        "kind": "",
        "layers": "d",
        "query heads": "d",
        "KV heads": "d",
        "head_dim": "d",
        "bytes per token": ",d",
        "if each query head had a key": ",d",
    },
    [
        (
            name,
            "MHA" if kv_heads == heads else "MQA" if kv_heads == 1 else "GQA",
            layers,
            heads,
            kv_heads,
            head_dim,
            per_token[name],
            token_bytes(layers, heads, head_dim),
        )
        for name, (layers, heads, kv_heads, head_dim) in models.items()
    ],
)
for name, (layers, _, kv_heads, head_dim) in models.items():
    check(
        fill("bytes per token in FP16: {name}", name=name),
        allocated(per_token[name], "nbytes"),
        closed_form(
            2 * layers * kv_heads * head_dim * 2,
            f"2 · {layers} · {kv_heads} · {head_dim} · 2",
        ),
        spec=",d",
    )
LONG = 131_072
value("long", LONG, ",d")
value("big_gib", per_token["Llama-3.1-70B"] * LONG / GIB, ".0f")
value("big_mha_gib", token_bytes(80, 64, 128) * LONG / GIB, ".0f")
value("big_weights_gib", 2 * 70_553_706_496 / GIB, ".0f")
value("layer_kib", per_token["Llama-3.1-8B"] / 32 / KIB, ".0f")
value("llama3_kib", per_token["Llama-3.1-8B"] / KIB, ".0f")

# %% published
# not shown
claims = {  # what is claimed: ours, theirs, who says so
    "OPT-13B, bytes a token": (
        per_token["OPT-13B"],
        2 * 5120 * 40 * 2,
        "[PagedAttention](https://arxiv.org/abs/2309.06180), section 3",
    ),
    "Llama-3.1-405B, bytes a token": (
        per_token["Llama-3.1-405B"],
        516_096,
        "[DeepSeek-V3 insights](https://arxiv.org/abs/2505.09343), table 1",
    ),
    "Qwen2.5-72B, bytes a token": (
        token_bytes(80, 8, 128),
        327_680,
        "[DeepSeek-V3 insights](https://arxiv.org/abs/2505.09343), table 1",
    ),
    "Llama-3.1-70B in INT8, bytes a token": (
        token_bytes(80, 8, 128, np.int8),
        163_840,
        "[How to scale your model](https://jax-ml.github.io/scaling-book/applied-inference/)",
    ),
    "Llama-2-7B, 4096 tokens, GB": (
        4096 * per_token["Llama-2-7B"] / 1e9,
        1 * 4096 * 2 * 32 * 4096 * 2 / 1e9,
        "[NVIDIA](https://developer.nvidia.com/blog/mastering-llm-techniques-inference-optimization/)",
    ),
    "Llama-2-13B, 8192 tokens, GB": (
        8192 * token_bytes(40, 40, 128) / 1e9,
        6.7,
        "[How to scale your model](https://jax-ml.github.io/scaling-book/inference/)",
    ),
    "Llama-3.1-8B, 1024 tokens, GiB": (
        1024 * per_token["Llama-3.1-8B"] / GIB,
        0.125,
        "[Hugging Face](https://huggingface.co/blog/llama31)",
    ),
    "Llama-3.1-8B, 128,000 tokens, GiB": (
        128_000 * per_token["Llama-3.1-8B"] / GIB,
        15.62,
        "[Hugging Face](https://huggingface.co/blog/llama31)",
    ),
    "Llama-3.1-70B, 128,000 tokens, GiB": (
        128_000 * per_token["Llama-3.1-70B"] / GIB,
        39.06,
        "[Hugging Face](https://huggingface.co/blog/llama31)",
    ),
}
LLAMA_CPP = "llama.cpp 0.5.0, llama-fit-params"
fitted = {  # (model, tokens): MiB that llama.cpp sets aside
    ("Llama-2-7B", 512): 256,
    ("Llama-2-7B", 2048): 1024,
    ("Llama-3.1-8B", LONG): 16_384,
    ("Llama-3.1-70B", LONG): 40_960,
    ("Qwen2.5-0.5B", 4096): 48,
    ("SmolLM2-135M", 8192): 180,
}
fitted_mib = {
    fill("{model}, {n} tokens, MiB", model=model, n=f"{n:,}"): (
        n * per_token[model] / MIB,
        mib,
    )
    for (model, n), mib in fitted.items()
}
table(
    {"claim": "", "allocated here": ",.6g", "theirs": ",.6g", "source": ""},
    [(name, *claim) for name, claim in claims.items()]
    + [(name, *both, "llama.cpp 0.5.0") for name, both in fitted_mib.items()],
)
for name, (ours, theirs, source) in claims.items():
    check(
        name,
        allocated(ours, "nbytes"),
        published(theirs, source),
        within=0.06 if theirs < 10 else 0.01 if theirs < 100 else 0,
    )
for name, (ours, theirs) in fitted_mib.items():
    check(name, allocated(ours, "nbytes"), reference(theirs, LLAMA_CPP))
value("num_claims", len(claims) + len(fitted))

# %% reading
from functools import partial

from membound.attention.grouped import grouped_attention
from membound.attention.plain import attention
from membound.bench import interleave, machine_line

num_tokens, rng = 4096, np.random.default_rng(0)
q = rng.normal(size=(32, 1, 128)).astype(np.float32)
kept = {
    kv_heads: rng.normal(size=(2, kv_heads, num_tokens, 128)).astype(np.float32)
    for kv_heads in (32, 8, 1)
}
runs = {
    kv_heads: partial(grouped_attention, q, *keys_values)
    for kv_heads, keys_values in kept.items()
}
timings = interleave(runs, repeats=9)
step_s = {kv_heads: timing.fastest_s for kv_heads, timing in timings.items()}
# not shown
table(
    {
        "KV heads for 32 query heads": "d",
        "MB read": ".1f",
        "ms": ".2f",
        "times faster than MHA": ".1f",
    },
    [
        (
            kv_heads,
            kept[kv_heads].nbytes / 1e6,
            1000 * step_s[kv_heads],
            step_s[32] / step_s[kv_heads],
        )
        for kv_heads in kept
    ],
)
say(
    "Measured on: {machine}. The fastest of 9 runs, taken in turns.",
    machine=machine_line(fill),
)
check(
    "one query, MHA time / GQA time, 32 and 8 KV heads",
    measured(step_s[32] / step_s[8]),
    band(1.05, 32),
    spec=".1f",
)
for kv_heads in (8, 1):
    keys, values = kept[kv_heads]
    copied = (
        np.repeat(keys, 32 // kv_heads, 0),
        np.repeat(values, 32 // kv_heads, 0),
    )
    check(
        fill(
            "shared and copied keys, {n} KV heads: largest difference",
            n=kv_heads,
        ),
        computed(float(np.abs(runs[kv_heads]() - attention(q, *copied)).max())),
        brute_force(0, "a copy of the key for each query head"),
        within=1e-5,
        spec=".1e",
    )
value("gqa_gain", step_s[32] / step_s[8], ".1f")
value("mqa_gain", step_s[32] / step_s[1], ".0f")
del kept, runs, keys, values, copied

# %% latent
from membound.attention.latent import compress
from membound.maths.rotary import rotary_table

hidden_size, latent_dim, rope_dim, num_layers = 7168, 512, 64, 61
h = rng.normal(size=(16, hidden_size)).astype(np.float32)
kv_down = rng.normal(size=(latent_dim, hidden_size)).astype(np.float32)
k_rope_down = rng.normal(size=(rope_dim, hidden_size)).astype(np.float32)

latents, k_rope = compress(
    h, kv_down, k_rope_down, rotary_table(16, rope_dim, base=10_000)
)
layer_cache = np.concatenate([latents, k_rope], axis=1).astype(np.float16)
mla_bytes = num_layers * layer_cache.nbytes // 16

keys = np.zeros((128, 16, 128 + rope_dim), np.float16)  # 128 heads
values = np.zeros((128, 16, 128), np.float16)
unfolded_bytes = num_layers * (keys.nbytes + values.nbytes) // 16
# not shown
table(
    {
        "DeepSeek-V3 keeps": "",
        "numbers per token and layer": ",d",
        "bytes per token": ",d",
    },
    [
        ("the latent and one rotated key", layer_cache.shape[1], mla_bytes),
        (
            "all keys and values of 128 heads",
            128 * (192 + 128),
            unfolded_bytes,
        ),
    ],
)
check(
    "bytes per token of DeepSeek-V3's latent cache",
    allocated(mla_bytes, "nbytes"),
    published(
        70_272,
        "[DeepSeek-V3 insights](https://arxiv.org/abs/2505.09343), table 1",
    ),
    spec=",d",
)
check(
    "bytes per token if DeepSeek-V3 kept all keys and values",
    allocated(unfolded_bytes, "nbytes"),
    closed_form(61 * 128 * (192 + 128) * 2, "61 · 128 · (192 + 128) · 2"),
    spec=",d",
)
value("mla_bytes", mla_bytes, ",d")
value("mla_ratio", unfolded_bytes / mla_bytes, ".0f")
value("mla_kib", mla_bytes / KIB, ".1f")

# %% source-absorbed
from membound.attention.latent import absorbed_attention, expanded_attention
from membound.page.source import show_source

show_source(absorbed_attention)

# %% absorbed
num_heads, nope_dim, v_dim = 128, 128, 128
scale = latent_dim**-0.5
k_up = scale * rng.normal(size=(num_heads, nope_dim, latent_dim))
v_up = scale * rng.normal(size=(num_heads, v_dim, latent_dim))
q_content = rng.normal(size=(num_heads, 1, nope_dim))
q_rope = rng.normal(size=(num_heads, 1, rope_dim))
arguments = [
    array.astype(np.float32)
    for array in (q_content, q_rope, latents / 85, k_rope / 85, k_up, v_up)
]
absorbed = absorbed_attention(*arguments)
expanded = expanded_attention(*arguments)
# not shown
check(
    "one decode step of DeepSeek-V3's shape, absorbed and expanded: largest difference",
    computed(float(np.abs(absorbed - expanded).max())),
    brute_force(0, "all keys and values unfolded"),
    within=1e-4,
    spec=".1e",
)
macs_unfolded, macs_absorbed = 192 + 128, (512 + 64) + 512
intensity = {
    name: 2 * heads * 2 * head_dim / (per_token[name] / layers)
    for name, (layers, heads, _, head_dim) in models.items()
}
mla_intensity = 2 * 128 * macs_absorbed / layer_cache[0].nbytes
table(
    {"model": "", "kind": "", "operations per byte of cache read": ".0f"},
    [
        ("Llama-2-7B", "MHA", intensity["Llama-2-7B"]),
        ("Llama-3.1-8B", "GQA", intensity["Llama-3.1-8B"]),
        ("Gemma-2B", "MQA", intensity["Gemma-2B"]),
        ("Llama-3.1-405B", "GQA", intensity["Llama-3.1-405B"]),
        ("DeepSeek-V3", "MLA", mla_intensity),
    ],
)
for name in ("Llama-2-7B", "Llama-3.1-8B", "Llama-3.1-405B"):
    _, heads, kv_heads, _ = models[name]
    check(
        fill("operations per byte of cache in FP16: {name}", name=name),
        allocated(intensity[name], "4 · heads · head_dim / nbytes"),
        closed_form(heads // kv_heads, f"{heads} / {kv_heads}"),
    )
value("absorbed_macs", macs_absorbed / macs_unfolded, ".1f")
value("mla_intensity", mla_intensity, ".0f")
value("absorbed_difference", float(np.abs(absorbed - expanded).max()), ".0e")

# %% window
from membound.attention.window import window_mask
from membound.cache.window import WindowCache

ring = WindowCache(
    num_layers=1, num_kv_heads=2, head_dim=64, window=256, num_sinks=4
)
q, k, v = rng.normal(size=(3, 2, 1000, 64)).astype(np.float32)
outputs, ring_bytes = [], []
for t in range(1000):
    now = slice(t, t + 1)
    keys, values = ring.append(0, k[:, now], v[:, now])
    outputs.append(grouped_attention(q[:, now], keys, values))
    ring.advance(1)
    ring_bytes.append(ring.nbytes)

masked = attention(q, k, v, visible=window_mask(1000, 1000, 256, num_sinks=4))
difference = np.abs(np.concatenate(outputs, axis=1) - masked).max()
# not shown
table(
    {
        "tokens passed": ",d",
        "bytes of the ring": ",d",
        "bytes without a window": ",d",
    },
    [
        (n, ring_bytes[n - 1], n * token_bytes(1, 2, 64, np.float32))
        for n in (100, 260, 500, 1000)
    ],
)
check(
    "bytes of a ring of 256 and 4 sinks after 1000 tokens, float32",
    allocated(ring_bytes[-1], "nbytes"),
    closed_form(2 * 2 * 64 * (256 + 4) * 4, "2 · 2 · 64 · (256 + 4) · 4"),
    spec=",d",
)
check(
    "attention over the ring and under the window's mask: largest difference",
    computed(float(difference)),
    brute_force(0, "plain attention under the mask"),
    within=1e-5,
    spec=".1e",
)

# %% hybrid
hybrids = {  # global and local layers, KV heads, head_dim, window, cells
    "Gemma-3-27B": (10, 52, 16, 128, 1024, 1536),
    "gpt-oss-20b": (12, 12, 8, 64, 128, 768),
}


def hybrid_bytes(sizes, num_tokens, *, ring):
    """A cache of global layers and rings; `ring` 4 the window, 5 the cells."""
    num_global, num_local, *head = sizes[:4]
    cells = min(num_tokens, sizes[ring])
    rings = ContiguousCache(num_local, *head, cells, dtype=np.float16)
    return num_tokens * token_bytes(num_global, *head) + rings.nbytes


# not shown
theirs_mib = {"Gemma-3-27B": 10_864, "gpt-oss-20b": 3_090}
table(
    {
        "model, 131,072 tokens": "",
        "global layers": "d",
        "local layers": "d",
        "window": ",d",
        "without windows, MiB": ",.0f",
        "with windows, MiB": ",.0f",
        "as llama.cpp keeps it, MiB": ",.0f",
    },
    [
        (
            name,
            *sizes[:2],
            sizes[4],
            LONG * token_bytes(sum(sizes[:2]), *sizes[2:4]) / MIB,
            hybrid_bytes(sizes, LONG, ring=4) / MIB,
            hybrid_bytes(sizes, LONG, ring=5) / MIB,
        )
        for name, sizes in hybrids.items()
    ],
)
for name, sizes in hybrids.items():
    check(
        fill(
            "{cache}, MiB",
            cache=fill(
                "{name}, 131,072 tokens, local layers in rings", name=name
            ),
        ),
        allocated(hybrid_bytes(sizes, LONG, ring=5) / MIB, "nbytes"),
        reference(theirs_mib[name], LLAMA_CPP),
    )
check(
    "Gemma-3-27B, 131,072 tokens without windows, MiB",
    allocated(LONG * token_bytes(62, 16, 128) / MIB, "nbytes"),
    reference(63_488, "llama.cpp 0.5.0, --swa-full"),
)
value(
    "gemma_gib", hybrid_bytes(hybrids["Gemma-3-27B"], LONG, ring=5) / GIB, ".1f"
)
value("gemma_full_gib", LONG * token_bytes(62, 16, 128) / GIB, ".0f")
value(
    "gemma_saving",
    token_bytes(62, 16, 128)
    * LONG
    / hybrid_bytes(hybrids["Gemma-3-27B"], LONG, ring=5),
    ".1f",
)

# %% text
# not shown
from pathlib import Path

from membound.decode.quality import log_softmax
from membound.model.load import load_model
from membound.model.local import default_model_path

model = load_model(default_model_path())
config = model.config
shape = config.num_layers, config.num_kv_heads, config.head_dim
text = Path("docs/blocks/data/jargon-file.txt").read_text(encoding="utf-8")
token_ids = model.tokenizer.encode(text[:4000])[:320]

# %% quantised
from membound.cache.kivi import KiviCache
from membound.cache.quantised import PerTokenCache

caches = {
    "FP16": ContiguousCache(*shape, 320, dtype=np.float16),
    "INT8, a scale per head": PerTokenCache(shape[0], bits=8),
    "INT4, a scale per head": PerTokenCache(shape[0], bits=4),
    "KIVI, 2 bits": KiviCache(*shape, bits=2, residual=32),
}


def continued(cache):
    """What the model expects at each of the last 64 tokens, one by one."""
    model.prefill(token_ids[:256], cache)
    logits = [model.decode(token, cache) for token in token_ids[256:]]
    return log_softmax(np.stack(logits))


exact = continued(model.new_cache(320))
expected = {name: continued(cache) for name, cache in caches.items()}
# not shown
quality = {
    name: (
        float((np.exp(exact) * (exact - other)).sum(axis=-1).mean()),
        float((exact.argmax(axis=-1) == other.argmax(axis=-1)).mean()),
    )
    for name, other in expected.items()
}
sizes_now = {name: cache.nbytes for name, cache in caches.items()}
table(
    {
        "SmolLM2-135M, 320 tokens": "",
        "bytes": ",d",
        "of FP16": ".0%",
        "KL, nats a token": ".4f",
        "same likeliest token": ".0%",
    },
    [
        (
            name,
            sizes_now[name],
            sizes_now[name] / sizes_now["FP16"],
            *quality[name],
        )
        for name in caches
    ],
)
vectors = 2 * 30 * 3 * 320  # a key and a value for each layer, head and token
for name, formula, number in (
    ("FP16", "2 · 30 · 3 · 320 · 64 · 2", vectors * 64 * 2),
    ("INT8, a scale per head", "2 · 30 · 3 · 320 · (64 + 2)", vectors * 66),
    ("INT4, a scale per head", "2 · 30 · 3 · 320 · (32 + 2)", vectors * 34),
    (
        "KIVI, 2 bits",
        "30 · 3 · (320 · 24 + 288 · 24 + 32 · 128)",
        30 * 3 * (320 * 24 + 288 * 24 + 32 * 128),
    ),
):
    check(
        fill(
            "bytes of the cache of SmolLM2-135M, 320 tokens: {name}", name=name
        ),
        allocated(sizes_now[name], "nbytes"),
        closed_form(number, formula),
        spec=",d",
    )
check(
    "KL of the 8-bit cache, nats a token",
    computed(quality["INT8, a scale per head"][0]),
    band(0, 0.01),
    spec=".4f",
)
check(
    "KL of the 4-bit cache as a multiple of KIVI's",
    computed(quality["INT4, a scale per head"][0] / quality["KIVI, 2 bits"][0]),
    band(1, 10),
    spec=".1f",
)
value(
    "int8_share",
    100 * sizes_now["INT8, a scale per head"] / sizes_now["FP16"],
    ".0f",
)
value("int4_same", 100 * quality["INT4, a scale per head"][1], ".0f")
value("int8_same", 100 * quality["INT8, a scale per head"][1], ".0f")
value("kivi_share", 100 * sizes_now["KIVI, 2 bits"] / sizes_now["FP16"], ".0f")

# %% quantised-time
from itertools import cycle

started = {
    "whole": model.new_cache(400),
    "codes": PerTokenCache(shape[0], bits=8),
}
for cache in started.values():
    model.prefill(token_ids, cache)
tokens = cycle(token_ids)
timings = interleave(
    {
        name: lambda cache=cache: model.decode(next(tokens), cache)
        for name, cache in started.items()
    },
    repeats=7,
)
slower = timings["codes"].fastest_s / timings["whole"].fastest_s
check(
    "a decode step over 8-bit codes / over float32, 320 tokens",
    measured(slower),
    band(0.8, 30),
    spec=".1f",
)
value("int8_slower", slower, ".1f")

# %% blocks
from membound.quant.blocks import quantize

token = rng.normal(size=(2 * 32 * 8, 128)).astype(np.float32)  # Llama-3.1-8B
stored = {
    "F16": quantize(token, "F16").nbytes,
    "Q8_0": quantize(token, "Q8_0").nbytes,
    "Q4_0": quantize(token, "Q4_0").nbytes,
    "FP8": np.zeros(token.shape, np.uint8).nbytes,
}
# not shown
table(
    {
        "Llama-3.1-8B, one token": "",
        "bytes": ",d",
        "of FP16": ".3f",
        "131,072 tokens, GiB": ".2f",
    },
    [
        (name, size, size / stored["F16"], size * LONG / GIB)
        for name, size in stored.items()
    ],
)
check(
    "Llama-3.1-8B, 131,072 tokens in Q8_0, MiB",
    allocated(stored["Q8_0"] * LONG / MIB, "nbytes"),
    reference(8704, LLAMA_CPP),
)
check(
    "Q4_0 as a share of FP16",
    allocated(stored["Q4_0"] / stored["F16"], "nbytes"),
    closed_form(18 / 64, "18/64"),
    spec=".4f",
)
value("q8_share", stored["Q8_0"] / stored["F16"], ".2f")
value("q4_share", stored["Q4_0"] / stored["F16"], ".2f")

# %% together
from membound.page.figures import label_end, new_figure
from membound.page.palette import SERIES, WITHOUT
from membound.page.show import show

contexts = 2 ** np.arange(9, 18)
lines = {
    "Llama-2-7B": (WITHOUT, "-", per_token["Llama-2-7B"] * contexts),
    "Llama-3.1-8B": (SERIES[0], "-", per_token["Llama-3.1-8B"] * contexts),
    "Llama-3.1-8B, Q4_0": (SERIES[0], "--", stored["Q4_0"] * contexts),
    "DeepSeek-V3": (SERIES[2], "-", mla_bytes * contexts),
    "gpt-oss-20b": (
        SERIES[1],
        "-",
        [
            hybrid_bytes(hybrids["gpt-oss-20b"], int(n), ring=4)
            for n in contexts
        ],
    ),
}
figure = new_figure(height=360)
axes = figure.axes[0]
for name, (color, style, sizes) in lines.items():
    axes.plot(contexts, np.asarray(sizes) / GIB, style, color=color)
    label_end(axes, name)
axes.set_xscale("log", base=2)
axes.set_yscale("log")
axes.set_xlabel("tokens")
axes.set_ylabel("GiB")
show(
    figure,
    name="gib-by-context",
    title="One sequence, five ways to remember it",
    caption="The cache of one sequence, from the bytes allocated on this page; both axes are "
    "logarithmic. MHA on top, then GQA, MLA, GQA in 4 bits, and GQA with windows in every second "
    "layer. DeepSeek-V3 has eighty times the parameters of Llama-3.1-8B, and half its cache.",
    alt="Five rising lines; at 131,072 tokens they span from 64 GiB to 3.",
)
value(
    "spread",
    1.0 * lines["Llama-2-7B"][2][-1] / lines["gpt-oss-20b"][2][-1],
    ".0f",
)


# %% split
def gpu_bytes(num_layers, num_kv_heads, head_dim, num_gpus):
    """Bytes per token on each GPU: heads are split, and never below one."""
    heads_here = max(1, num_kv_heads // num_gpus)
    return token_bytes(num_layers, heads_here, head_dim)


# not shown
table(
    {
        "GPUs": "d",
        "Llama-2-7B (32 KV heads), KiB each": ".0f",
        "Llama-3.1-8B (8), KiB each": ".0f",
        "Gemma-2B (1), KiB each": ".0f",
        "DeepSeek-V3 (one latent), KiB each": ".1f",
    },
    [
        (
            gpus,
            gpu_bytes(32, 32, 128, gpus) / KIB,
            gpu_bytes(32, 8, 128, gpus) / KIB,
            gpu_bytes(18, 1, 256, gpus) / KIB,
            mla_bytes / KIB,
        )
        for gpus in (1, 2, 4, 8, 16)
    ],
)
check(
    "bytes per token on each of 16 GPUs, Llama-3.1-8B",
    allocated(gpu_bytes(32, 8, 128, 16), "nbytes"),
    closed_form(131_072 // 8, "131,072 / 8"),
    spec=",d",
)


# %% bug-head-dim
def calculator(config, num_tokens):
    """Bytes of an FP16 cache, from a model's config.json."""
    head_dim = config["hidden_size"] // config["num_attention_heads"]
    per_layer = 2 * config["num_key_value_heads"] * head_dim * 2
    return num_tokens * config["num_hidden_layers"] * per_layer


# %% bug-head-dim-answer
configs = {  # hidden, heads, KV heads, layers, head_dim
    "Llama-3.1-8B": (4096, 32, 8, 32, 128),
    "Qwen3-0.6B": (1024, 16, 8, 28, 128),
    "Gemma-3-27B": (5376, 32, 16, 62, 128),
    "gpt-oss-20b": (2880, 64, 8, 24, 64),
}
names = (
    "hidden_size",
    "num_attention_heads",
    "num_key_value_heads",
    "num_hidden_layers",
)
rows = []
for name, (*sizes, head_dim) in configs.items():
    claimed = calculator(dict(zip(names, sizes, strict=True)), 1)
    right = token_bytes(sizes[3], sizes[2], head_dim)
    rows.append(
        (name, sizes[0] // sizes[1], head_dim, claimed, right, claimed / right)
    )
table(
    {
        "model": "",
        "hidden / heads": "d",
        "head_dim": "d",
        "the calculator's bytes": ",d",
        "bytes per token": ",d",
        "share": ".2f",
    },
    rows,
)
check(
    "models of 4 for which hidden / heads is not head_dim",
    counted(sum(row[5] != 1 for row in rows)),
    closed_form(3, "4 − 1"),
)
value("qwen_share", rows[1][5], ".1f")

# %% wrong-table
right = 128_000 * per_token["Llama-3.1-405B"] / GIB
doubled = 128_000 * token_bytes(126, 16, 128) / GIB
check(
    "Llama-3.1-405B with 16 KV heads, 128,000 tokens, GiB",
    allocated(doubled, "nbytes"),
    published(
        123.05,
        "[Hugging Face](https://huggingface.co/blog/llama31), a row that is double",
    ),
    within=0.01,
)
value("wrong_right", right, ".2f")
value("wrong_factor", doubled / right, ".0f")
