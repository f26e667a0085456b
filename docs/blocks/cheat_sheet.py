# %% rows
# not shown
from dataclasses import dataclass, field

from membound.page.recorder import emit
from membound.page.tables import to_markdown
from membound.page.text import fill

SOURCE = "https://github.com/membound/membound/blob/main/"


@dataclass
class Row:
    """A concept: its page, a sentence, a formula, places `path#symbol`, a number as `fill` has it."""

    concept: str
    page: str
    sentence: str
    formula: str
    code: tuple[str, ...]
    number: str
    values: dict = field(default_factory=dict)


def show_rows(rows):
    """The table of a part: a concept links to its page, and names to the source."""
    numbers = [
        fill(row.number, **row.values) if row.values else row.number
        for row in rows
    ]

    def markdown(translate):
        columns = ("concept", "what it is, formula, code", "to remember")
        cells = []
        for row, number in zip(rows, numbers, strict=True):
            concept = translate(row.concept)
            if row.page:
                concept = f"[{concept}](../{row.page}/)"
            code = ", ".join(map(code_link, row.code))
            lines = filter(
                None, (*map(translate, (row.sentence, row.formula)), code)
            )
            cells.append((concept, "<br>".join(lines), translate(number)))
        headings = {translate(heading): "" for heading in columns}
        return to_markdown(headings, cells, str)

    emit(markdown)


def code_link(place):
    """`path#symbol` as a link whose text is the symbol."""
    path, symbol = place.split("#")
    return f"[`{symbol}`]({SOURCE}{path})"


# %% token
# not shown
from pathlib import Path

import numpy as np

from membound.cost.tables import find_device, find_model
from membound.cost.weights import model_weights, num_params
from membound.gguf.reader import read_gguf
from membound.maths.norms import rms_norm
from membound.maths.rotary import rotary_table, rotate
from membound.model.local import default_model_path
from membound.page.checks import (
    allocated,
    brute_force,
    check,
    closed_form,
    computed,
    counted,
    published,
    reference,
)
from membound.page.values import value
from membound.sampling.sampler import Sampler
from membound.tokenizer.bpe import Tokenizer

GB, MIB, GIB = 1e9, 2**20, 2**30
rng = np.random.default_rng(0)
llama = find_model("llama-3.1-8b")
f16 = model_weights(llama, "f16")
read_per_token = f16.total_bytes - f16.looked_up_bytes

gguf = read_gguf(default_model_path())
tokenizer = Tokenizer.from_metadata(gguf.metadata)
text = Path("docs/blocks/data/jargon-file.txt").read_text(encoding="utf-8")
text = text[:8000]
bytes_per_token = len(text.encode()) / len(tokenizer.encode(text))

x = 40 * rng.normal(size=(4, 576)).astype(np.float32)
normed = rms_norm(x, np.ones(576, np.float32), 1e-5)
rms = float(np.sqrt((normed**2).mean()))

table_of_turns = rotary_table(200, 64, 1e4)
query, key = rng.normal(size=(2, 1, 64)).astype(np.float32)


def score(query_at, key_at):
    """A query and a key at two positions."""
    turned = [
        rotate(vector, table_of_turns[at : at + 1])
        for vector, at in ((query, query_at), (key, key_at))
    ]
    return float((turned[0] * turned[1]).sum())


shift = abs(score(7, 3) - score(107, 103))
logits = np.array([3, 2, 1, 0], np.float32)
likeliest = {
    temperature: float(Sampler(temperature).probabilities(logits)[0])
    for temperature in (1.0, 0.5)
}
kept = int((Sampler(top_p=0.9).probabilities(logits) > 0).sum())
feed_forward = (
    3 * llama.num_layers * llama.hidden_size * llama.intermediate_size
)

show_rows(
    [
        Row(
            "autoregressive generation",
            "kv-cache",
            "One token at a time: each pass sees all tokens before it and chooses the next.",
            r"$p(x_1 \dots x_n) = \prod_t p(x_t \mid x_{<t})$",
            ("src/membound/decode/generate.py#generate",),
            "a pass of an 8B model reads {gb} GB in FP16",
            {"gb": f"{read_per_token / GB:.1f}"},
        ),
        Row(
            "byte-level BPE",
            "",
            "Text is bytes; the pair that was merged first in training is merged first, within a word.",
            "",
            (
                "src/membound/tokenizer/bpe.py#Tokenizer",
                "src/membound/tokenizer/merges.py#merge_plainly",
            ),
            "{n} bytes of English a token (SmolLM2)",
            {"n": f"{bytes_per_token:.1f}"},
        ),
        Row(
            "RMSNorm",
            "",
            "Divides a vector by its root mean square, and scales each channel.",
            r"$\frac{x}{\sqrt{\operatorname{mean}(x^2) + \varepsilon}} \cdot w$",
            ("src/membound/maths/norms.py#rms_norm",),
            "the root mean square is then {n}",
            {"n": f"{rms:.2f}"},
        ),
        Row(
            "RoPE",
            "",
            "Turns pairs of channels by angles that grow with the position, so that scores depend on distance alone.",
            r"$\theta_i = b^{-2i/d}$",
            (
                "src/membound/maths/rotary.py#rotary_table",
                "src/membound/maths/rotary.py#rotate",
            ),
            "100 positions further on, the same score",
        ),
        Row(
            "causal attention",
            "kv-cache",
            "Each query weighs the values of all tokens up to its own.",
            r"$\operatorname{softmax}(QK^\top / \sqrt{d})\, V$",
            ("src/membound/attention/plain.py#attention",),
            "a later token changes no earlier output",
        ),
        Row(
            "SwiGLU",
            "",
            "The feed-forward part of a Llama: three matrices, one of them a gate.",
            r"$W_d\,(\operatorname{silu}(W_g x) \odot W_u x)$",
            ("src/membound/maths/activations.py#swiglu",),
            "{n} % of the weights of Llama-3.1-8B",
            {"n": f"{100 * feed_forward / num_params(llama):.0f}"},
        ),
        Row(
            "temperature",
            "",
            "Divides the logits: below 1 the likely get likelier, and 0 is greedy.",
            r"$p_i \propto e^{z_i / T}$",
            ("src/membound/sampling/sampler.py#Sampler",),
            "logits 3, 2, 1, 0: the first has {a} at T = 1, {b} at ½",
            {"a": f"{likeliest[1.0]:.2f}", "b": f"{likeliest[0.5]:.2f}"},
        ),
        Row(
            "top-k, top-p",
            "",
            "Keep the k likeliest, or the fewest that hold a probability of p; forget the rest, and draw.",
            r"$\sum_{kept} p_i \ge p$",
            (
                "src/membound/sampling/filters.py#keep_top_k",
                "src/membound/sampling/filters.py#keep_top_p",
            ),
            "of the same four, p = 0.9 keeps {n}",
            {"n": kept},
        ),
    ]
)
check(
    "root mean square after RMSNorm",
    computed(rms),
    closed_form(1, "1"),
    within=1e-4,
)
check(
    "a query and a key moved by 100 positions: difference of their scores",
    computed(shift),
    closed_form(0, "0"),
    within=1e-4,
    spec=".0e",
)
for temperature, probability in likeliest.items():
    check(
        fill("probability of the first of 4 logits, T = {t}", t=temperature),
        computed(probability),
        closed_form(
            1 / sum(np.exp(-i / temperature) for i in range(4)),
            "1 / Σ exp(−i/T)",
        ),
        within=1e-5,
        spec=".4f",
    )
check(
    "bytes of Llama-3.1-8B in FP16 that a token reads, GB",
    computed(read_per_token / GB),
    closed_form(
        2 * (8_030_261_248 - 128_256 * 4096) / GB,
        "2 · (8,030,261,248 − 128,256 · 4096)",
    ),
    within=0.02,
    spec=".2f",
)

# %% cache
# not shown
from membound.attention.counted import CountedAttention
from membound.cache.contiguous import ContiguousCache
from membound.cost.kv import KV_BITS, KVPolicy

n = 500
layer = CountedAttention(hidden_size=64, num_heads=4, seed=0)
inputs = rng.normal(size=(n, 64)).astype(np.float32)
projected = {
    "without": layer.run_uncached(inputs).num_projected,
    "with": layer.run_cached(inputs).num_projected,
}
exact = KVPolicy()
token = exact.num_bytes(llama, 1, 1)
deepseek, gemma = find_model("deepseek-v3"), find_model("gemma-3-27b")
mla = exact.num_bytes(deepseek, 1, 1)
windowed = exact.num_bytes(gemma, 131_072, 1)
full = 2 * 62 * 16 * 128 * 131_072 * 2

show_rows(
    [
        Row(
            "KV cache",
            "kv-cache",
            "Keys and values of the past never change, so they are kept: a token is projected once.",
            r"$\frac{n(n+1)}{2} \to n$",
            (
                "src/membound/cache/contiguous.py#ContiguousCache",
                "src/membound/attention/counted.py#CountedAttention",
            ),
            "500 tokens: {a} projections become {b}; far less in time",
            {
                "a": f"{projected['without']:,}",
                "b": f"{projected['with']:,}",
            },
        ),
        Row(
            "prefill and decode",
            "where-the-time-goes",
            "The prompt fills the cache in one pass, bound by arithmetic; then one token a pass, bound by memory.",
            "",
            (
                "src/membound/model/transformer.py#forward",
                "src/membound/model/fast.py#FastDecoder",
            ),
            "prefill is TTFT, decode is TPOT",
        ),
        Row(
            "KV bytes",
            "kv-cache-memory",
            "Two vectors for each layer, KV head and token: never query heads.",
            r"$2 \cdot L \cdot H_{kv} \cdot d \cdot T \cdot b$",
            (
                "src/membound/cost/formulas.py#kv_layer_bytes",
                "src/membound/cost/kv.py#KVPolicy",
            ),
            "Llama-3.1-8B in FP16: {n} KiB a token",
            {"n": f"{token / 1024:.0f}"},
        ),
        Row(
            "MHA, GQA, MQA",
            "kv-cache-memory",
            "Query heads share KV heads: all their own, one for a group, or one for all.",
            r"$H / H_{kv}$",
            ("src/membound/attention/grouped.py#grouped_attention",),
            "32 query heads over 8: {n} times fewer bytes",
            {"n": llama.num_heads // llama.num_kv_heads},
        ),
        Row(
            "MLA",
            "kv-cache-memory",
            "One latent vector and one rotated key for each token stand for all heads.",
            r"$L \cdot (r + d_{rope}) \cdot T \cdot b$",
            (
                "src/membound/attention/latent.py#absorbed_attention",
                "src/membound/cost/formulas.py#latent_layer_bytes",
            ),
            "DeepSeek-V3: {n} bytes a token",
            {"n": f"{mla:,.0f}"},
        ),
        Row(
            "sliding window",
            "kv-cache-memory",
            "A layer that sees the last W tokens keeps W and overwrites the oldest.",
            r"$\min(T, W)$",
            (
                "src/membound/cache/window.py#WindowCache",
                "src/membound/cost/formulas.py#kv_bytes",
            ),
            "Gemma-3-27B, 131,072 tokens: {a} GiB become {b}",
            {"a": f"{full / GIB:.0f}", "b": f"{windowed / GIB:.1f}"},
        ),
        Row(
            "quantised KV cache",
            "kv-cache-memory",
            "8 bits for each number and a scale for each vector; in fewer bits, keys per channel.",
            r"$b \to b + b_{scale} / d$",
            (
                "src/membound/cache/quantised.py#PerTokenCache",
                "src/membound/cache/kivi.py#KiviCache",
            ),
            "q8_0 is {a} of FP16, q4_0 {b}",
            {
                name: f"{KV_BITS[kind] / 16:.2f}"
                for name, kind in (("a", "q8_0"), ("b", "q4_0"))
            },
        ),
    ]
)
for how, formula, right in (
    ("without a cache", "n(n+1)/2", n * (n + 1) // 2),
    ("with a cache", "n", n),
):
    check(
        fill(f"keys computed {how}, n = {{n}}", n=n),
        counted(projected[how.split()[0]]),
        closed_form(right, formula),
        spec=",d",
    )
check(
    "bytes of one token of Llama-3.1-8B",
    computed(token),
    allocated(
        ContiguousCache(32, 8, 128, 1, dtype=np.float16).nbytes, "nbytes"
    ),
    spec=",.0f",
)
check(
    "bytes of one token of DeepSeek-V3",
    computed(mla),
    published(
        70_272,
        "[DeepSeek-V3 insights](https://arxiv.org/abs/2505.09343), table 1",
    ),
    spec=",.0f",
)
check(
    "Gemma-3-27B, 131,072 tokens without windows, MiB",
    computed(full / MIB),
    reference(63_488, "llama.cpp 0.5.0, --swa-full"),
)

# %% bits
# not shown
import gguf as peer
from membound.quant.blocks import FORMATS
from membound.quant.integer import quantize

weights = rng.normal(size=(512, 512)).astype(np.float32)
per_row = quantize(weights, bits=8, per="row", scheme="symmetric")
scale = np.abs(weights).max(axis=1, keepdims=True) / 127
steps = float((np.abs(per_row.dequantize() - weights) / scale).max())
q4_k_m = model_weights(llama, "q4_k_m").bits_per_weight

show_rows(
    [
        Row(
            "symmetric quantisation",
            "quantisation",
            "Whole numbers on a line through 0, its step from the largest magnitude.",
            r"$s = \frac{\max \lvert w \rvert}{2^{b-1}-1}$, $q = \operatorname{round}(w/s)$, $\hat w = s\,q$",
            ("src/membound/quant/integer.py#quantize",),
            "largest error {n} steps: never above s/2",
            {"n": f"{steps:.2f}"},
        ),
        Row(
            "affine quantisation",
            "quantisation",
            "A line from the least to the largest, both widened to contain 0; reading back must undo the shift.",
            r"$q = \operatorname{round}(w/s) + z$, $\hat w = s\,(q - z)$",
            ("src/membound/quant/integer.py#quantize",),
            "one bit more: {n} dB less noise",
            {"n": f"{20 * np.log10(2):.2f}"},
        ),
        Row(
            "per row, per group",
            "quantisation",
            "The largest number of a group sets the error of all the others: let few share a scale.",
            r"$\text{bits} = b + b_{scale}/g$",
            ("src/membound/quant/integer.py#QuantizedArray",),
            "INT8 per row, rows of 512: {n} times smaller than FP32",
            {"n": f"{weights.nbytes / per_row.nbytes:.2f}"},
        ),
        Row(
            "block format",
            "gguf",
            "32 or 256 weights with their scales are one struct; its bytes are the bits per weight.",
            r"$8 \cdot \text{bytes} / \text{weights}$",
            (
                "src/membound/quant/blocks.py#bits_per_weight",
                "src/membound/quant/formats/layout.py#BlockFormat",
            ),
            "Q8_0 {a}, Q6_K {b}, Q4_K {c}",
            {
                "a": FORMATS["Q8_0"].bits_per_weight,
                "b": FORMATS["Q6_K"].bits_per_weight,
                "c": FORMATS["Q4_K"].bits_per_weight,
            },
        ),
        Row(
            "Q4_K_M",
            "gguf",
            "A recipe for a file and not a block: mostly Q4_K, some Q6_K, others where rows do not fit.",
            "",
            ("src/membound/cost/mixes.py#mix_type",),
            "{n} bits per weight on Llama-3.1-8B",
            {"n": f"{q4_k_m:.2f}"},
        ),
        Row(
            "GGUF",
            "gguf",
            "A container: metadata, a table of tensors, their bytes; any format, any processor.",
            "",
            (
                "src/membound/gguf/reader.py#read_gguf",
                "src/membound/gguf/writer.py#write_gguf",
            ),
            "the file of SmolLM2-135M: {n} tensors",
            {"n": len(gguf.tensors)},
        ),
        Row(
            "GPTQ, AWQ",
            "quantisation",
            "Calibrated on inputs: GPTQ lets later columns make up for errors, AWQ scales what large inputs meet.",
            r"$\min \lVert XW^\top - X\hat W^\top \rVert$",
            (
                "src/membound/quant/gptq.py#gptq",
                "src/membound/quant/awq.py#awq",
            ),
            "judge on text that they have not seen",
        ),
        Row(
            "fidelity",
            "quantisation",
            "Compare what the model expects, and not vectors: a cosine near 1 promises nothing.",
            r"$KL = \sum p\,(\log p - \log q)$",
            ("src/membound/decode/quality.py#compare",),
            "perplexity, KL, and how often the likeliest token stays",
        ),
    ]
)
check(
    "largest error of INT8 per row, in steps",
    computed(steps),
    closed_form(0.5, "s/2"),
    within=0.01,
    spec=".3f",
)
for name in ("Q8_0", "Q6_K", "Q4_K"):
    block, size = peer.GGML_QUANT_SIZES[peer.GGMLQuantizationType[name]]
    check(
        fill("bits per weight in a block of {format}", format=name),
        computed(FORMATS[name].bits_per_weight),
        reference(8 * size / block, "gguf 0.19.0"),
        spec=".4f",
    )
check(
    "bits per weight of Q4_K_M on Llama-3.1-8B",
    computed(q4_k_m),
    published(
        4.8944,
        "[llama.cpp](https://github.com/ggml-org/llama.cpp/blob/master/tools/quantize/README.md)",
    ),
    within=1e-3,
    spec=".4f",
)
check(
    "times that INT8 per row is smaller than FP32, rows of 512",
    allocated(weights.nbytes / per_row.nbytes, "nbytes"),
    closed_form(4 * 512 / (512 + 4), "4 · 512 / (512 + 4)"),
    within=1e-9,
    spec=".4f",
)

# %% reads
# not shown
from membound.attention.flash import flash_attention
from membound.attention.plain import attention, causal_mask
from membound.attention.tiling.key_outer import (
    key_outer_elements,
    standard_elements,
)
from membound.attention.tiling.tiles import tile_sizes
from membound.cache.blocks.prefix import prefix_digests
from membound.maths.online_softmax import finish, merge, partial_softmax

scores, values = rng.normal(size=(1, 64)), rng.normal(size=(64, 8))
scores, values = scores.astype(np.float32), values.astype(np.float32)
halves = merge(
    partial_softmax(scores[:, :20], values[:20]),
    partial_softmax(scores[:, 20:], values[20:]),
)
merged = float(
    np.abs(finish(halves) - finish(partial_softmax(scores, values))).max()
)
q, k, v = rng.normal(size=(3, 2, 100, 64)).astype(np.float32)
tiled = float(
    np.abs(
        flash_attention(q, k, v)
        - attention(q, k, v, visible=causal_mask(100, 100))
    ).max()
)
saved = standard_elements(4096, 64) / key_outer_elements(
    4096, 64, tile_sizes(49_152, 64)
)
prefix_blocks = len(list(prefix_digests(range(1000), 16)))

show_rows(
    [
        Row(
            "online softmax",
            "flash-attention",
            "A maximum, a sum and an output can be carried on from part to part, and merged.",
            r"$m = \max(m_a, m_b)$, $\ell = e^{m_a-m}\ell_a + e^{m_b-m}\ell_b$",
            (
                "src/membound/maths/online_softmax.py#partial_softmax",
                "src/membound/maths/online_softmax.py#merge",
            ),
            "in two parts and whole: equal to 10⁻⁶",
        ),
        Row(
            "FlashAttention",
            "flash-attention",
            "Attention in tiles that stay in fast memory: scores are never written; exact, and still a square.",
            r"$\Theta(Nd + N^2)$ → $\Theta(N^2 d^2 / M)$",
            (
                "src/membound/attention/flash.py#flash_attention",
                "src/membound/attention/tiling/key_outer.py#key_outer_attention",
            ),
            "N = 4096, d = 64, M = 49,152: {n} times fewer elements moved",
            {"n": f"{saved:.0f}"},
        ),
        Row(
            "split keys",
            "flash-attention",
            "One query over many keys: parts of the keys side by side, merged at the end (Flash-Decoding).",
            "",
            ("src/membound/attention/split.py#split_attention",),
            "moves as much as plain attention: it buys parallel work",
        ),
        Row(
            "PagedAttention",
            "paged-attention",
            "Keys and values lie in blocks anywhere in memory; a block table says where.",
            r"$\text{waste} \approx \frac{B-1}{2}$",
            (
                "src/membound/attention/paged.py#paged_attention",
                "src/membound/cache/paged.py#PagedMemory",
            ),
            "blocks of 16: {n} empty slots a sequence",
            {"n": (16 - 1) / 2},
        ),
        Row(
            "copy on write",
            "paged-attention",
            "Answers to one prompt share its blocks; who writes into a shared one copies it first.",
            "",
            ("src/membound/cache/blocks/manager.py#BlockManager.fork",),
            "a block goes back when its last holder lets go",
        ),
        Row(
            "prefix reuse",
            "prefix-reuse",
            "A full block is found again by a hash of its tokens and all before them.",
            r"$h_i = H(h_{i-1}, x_{iB} \dots x_{iB+B-1})$",
            (
                "src/membound/cache/blocks/prefix.py#block_digest",
                "src/membound/cache/blocks/prefix.py#PrefixIndex",
            ),
            "1000 tokens in blocks of 16: {n} are found again",
            {"n": 16 * prefix_blocks},
        ),
    ]
)
check(
    "softmax in two parts and whole: largest difference",
    computed(merged),
    brute_force(0, "whole"),
    within=1e-6,
    spec=".0e",
)
check(
    "FlashAttention and plain, 100 tokens: largest difference",
    computed(tiled),
    brute_force(0, "plain attention"),
    within=1e-5,
    spec=".0e",
)
check(
    "tokens of 1000 in full blocks of 16",
    counted(16 * prefix_blocks),
    closed_form(1000 // 16 * 16, "⌊1000 / 16⌋ · 16"),
)

# %% fast
# not shown
from membound.cost.counts import work_by_kind
from membound.cost.sizing import Sizing
from membound.cost.speed import Speed

h100 = find_device("h100-sxm")
step = work_by_kind(llama, "f16", exact, tokens=1)
matrices = [work for kind, work in step.items() if kind != "attention"]
flops = sum(work.flops for work in matrices)
moved = sum(work.nbytes for work in matrices)
balance = h100.flops_16 / h100.bytes_per_s
floor_s = read_per_token / h100.bytes_per_s
sizing = Sizing(llama, f16, h100, exact, context=8192, concurrency=32)
one = Speed(Sizing(llama, f16, h100, exact, context=8192))
seventy = 70e9 * 2 / h100.bytes_per_s

show_rows(
    [
        Row(
            "inference 2N, training 6N",
            "training-and-inference",
            "Each weight is multiplied and added once for a token; training goes backwards as well, twice the work.",
            "$2N$, $6N$",
            (
                "src/membound/cost/formulas.py#matmul_flops",
                "src/membound/training.py#backward",
            ),
            "Llama-3.1-8B: {n} GFLOP a token",
            {"n": f"{flops / 1e9:.0f}"},
        ),
        Row(
            "training state",
            "training-and-inference",
            "Weight, gradient and Adam's two means in float32: what a training step keeps, activations aside.",
            r"$(4 + 4 + 4 + 4)\, N$",
            ("src/membound/training.py#Adam",),
            "Llama-3.1-8B: {a} GB, and {b} to serve it in FP16",
            {
                "a": f"{16 * num_params(llama) / GB:.0f}",
                "b": f"{f16.total_bytes / GB:.0f}",
            },
        ),
        Row(
            "arithmetic intensity",
            "where-the-time-goes",
            "Operations for each byte that is moved; in decoding every weight is fetched to be used once.",
            r"$I = \text{FLOP} / \text{byte}$",
            ("src/membound/cost/counts.py#work_by_kind",),
            "decoding alone in FP16: {n}",
            {"n": f"{flops / moved:.1f}"},
        ),
        Row(
            "roofline",
            "where-the-time-goes",
            "The longer of both times: operations over the peak, bytes over the bandwidth.",
            r"$t = \max(F/P,\; B/W)$",
            ("src/membound/cost/passes.py#timed",),
            "an H100 balances at {n} FLOP a byte",
            {"n": f"{balance:.0f}"},
        ),
        Row(
            "decode time",
            "where-the-time-goes",
            "No faster than all weights and the cache can be read once.",
            r"$t \ge \frac{\text{weights} + \text{cache}}{\text{bandwidth}}$",
            ("src/membound/cost/formulas.py#memory_s",),
            "8B in FP16 on an H100: {ms} ms, at most {n} tokens/s",
            {"ms": f"{1000 * floor_s:.1f}", "n": f"{1 / floor_s:.0f}"},
        ),
        Row(
            "TTFT, TPOT",
            "where-the-time-goes",
            "Time to the first token is queue and prefill; time per output token is a decode step.",
            r"$\text{latency} = \text{TTFT} + (n-1) \cdot \text{TPOT}$",
            ("src/membound/cost/speed.py#Speed",),
            "the same, 8192 tokens of context: about {a} ms and {b} ms",
            {
                "a": f"{1000 * one.ttft_s:.0f}",
                "b": f"{1000 * one.tpot_s:.1f}",
            },
        ),
        Row(
            "total memory",
            "sizing",
            "Weights once, a cache for each request, and room for activations and runtime.",
            r"$\text{weights} + n \cdot \text{cache}$ $+\, \text{activations} + \text{reserve}$",
            ("src/membound/cost/sizing.py#Sizing",),
            "8B in FP16 with 32 × 8192 tokens: {a} GiB, of them cache {b}",
            {
                "a": f"{sizing.total_bytes / GIB:.0f}",
                "b": f"{sizing.kv_bytes / GIB:.0f}",
            },
        ),
        Row(
            "GB and GiB",
            "wrong-calculators",
            "A GB is 10⁹ bytes and a GiB 2³⁰; the 80 GB of a GPU may be either.",
            r"$2^{30} / 10^9$",
            ("src/membound/units.py#format_bytes",),
            "{n} % apart",
            {"n": f"{100 * (GIB / GB - 1):.1f}"},
        ),
    ]
)
check(
    "operations of a decode step of Llama-3.1-8B, without attention, over 2 for each weight read",
    computed(flops / (2 * (num_params(llama) - 128_256 * 4096))),
    closed_form(1, "2N"),
    within=1e-3,
    spec=".4f",
)
check(
    "tokens per second of a 70B in FP16 on one H100's bandwidth",
    computed(1 / seventy),
    published(
        24,
        "[BentoML's handbook](https://github.com/bentoml/llm-inference-handbook)",
    ),
    within=0.5,
    spec=".1f",
)
check(
    "GiB of 32 caches of Llama-3.1-8B, 8192 tokens each",
    computed(sizing.kv_bytes / GIB),
    reference(32 * 1024 * MIB / GIB, "32 · 1024 MiB (llama.cpp 0.5.0)"),
)
value("floor_ms", 1000 * floor_s, ".1f")
value("memory_share", 100 * one.memory_efficiency, ".0f")
value("compute_share", 100 * one.compute_efficiency, ".0f")
