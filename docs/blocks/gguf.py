# %% front
import struct

from membound.model.local import default_model_path

path = default_model_path()
with path.open("rb") as file:
    front = file.read(4096)

magic, version, num_tensors, num_pairs = struct.unpack_from("<4sIQQ", front)
(key_length,) = struct.unpack_from("<Q", front, 24)
key = front[32 : 32 + key_length].decode()
value_type, value_length = struct.unpack_from("<IQ", front, 32 + key_length)
start = 32 + key_length + 12
first_value = front[start : start + value_length].decode()
# not shown
from gguf import GGUFReader
from membound.page.checks import (
    allocated,
    brute_force,
    check,
    closed_form,
    computed,
    published,
    reference,
)
from membound.page.tables import table
from membound.page.text import fill
from membound.page.values import value


def dump(begin, end):
    """The bytes in hexadecimal, the first twenty."""
    shown = front[begin : min(end, begin + 20)].hex(" ")
    return f"`{shown}{' …' if end > begin + 20 else ''}`"


table(
    {"byte": "d", "stored": "", "says": ""},
    [
        (0, dump(0, 4), fill("magic: {text}", text=f"`{magic.decode()}`")),
        (4, dump(4, 8), fill("version {n}", n=version)),
        (8, dump(8, 16), fill("{n} tensors", n=num_tensors)),
        (16, dump(16, 24), fill("{n} metadata pairs", n=num_pairs)),
        (24, dump(24, 32), fill("a key of {n} bytes", n=key_length)),
        (32, dump(32, 32 + key_length), f"`{key}`"),
        (
            32 + key_length,
            dump(32 + key_length, 36 + key_length),
            fill("value type {n}: a string", n=value_type),
        ),
        (
            36 + key_length,
            dump(36 + key_length, start),
            fill("of {n} bytes", n=value_length),
        ),
        (start, dump(start, start + value_length), f"`{first_value}`"),
    ],
)
theirs = GGUFReader(path)
check(
    "tensors in the file",
    computed(num_tensors),
    reference(len(theirs.tensors), "gguf 0.19.0"),
)
check(
    "metadata pairs in the file",
    computed(num_pairs),
    reference(
        sum(not name.startswith("GGUF.") for name in theirs.fields),
        "gguf 0.19.0",
    ),
)
value("file_bytes", path.stat().st_size, ",d")
value("num_tensors", num_tensors)
value("num_pairs", num_pairs)

# %% layout
from membound.gguf.reader import read_gguf

model_file = read_gguf(path)
sections = model_file.layout()
# not shown
size = path.stat().st_size
table(
    {"part": "", "from byte": ",d", "bytes": ",d", "share": ".3%"},
    [
        (
            part.name,
            part.start,
            part.end - part.start,
            (part.end - part.start) / size,
        )
        for part in sections
    ],
)
check(
    "bytes of all parts of the file",
    computed(sum(part.end - part.start for part in sections)),
    reference(size, "os.stat"),
    spec=",d",
)
check(
    "byte at which the tensors begin",
    computed(sections[-1].start),
    reference(theirs.data_offset, "gguf 0.19.0"),
    spec=",d",
)
check(
    "tensors that begin elsewhere than the gguf package says",
    computed(
        sum(
            model_file.tensors[t.name].offset != t.data_offset
            for t in theirs.tensors
        )
    ),
    reference(0, "gguf 0.19.0"),
)
metadata_bytes = sections[1].end - sections[1].start
value("metadata_share", 100 * metadata_bytes / size, ".1f")
value("num_words", len(model_file.metadata["tokenizer.ggml.tokens"]), ",d")
value("num_merges", len(model_file.metadata["tokenizer.ggml.merges"]), ",d")
value("alignment", model_file.alignment)

# %% map
from membound.page.figures import new_figure
from membound.page.palette import BAD, MUTED, RAMP, SERIES, WEIGHTS
from membound.page.show import show
from membound.units import format_bytes

tensors = model_file.tensors
embedding = tensors["token_embd.weight"]
block = {
    name.removeprefix("blk.0.").removesuffix(".weight"): tensor.nbytes
    for name, tensor in tensors.items()
    if name.startswith("blk.0.")
}
attention = sum(n for name, n in block.items() if name.startswith("attn_"))
rows = [
    (
        fill("the file: {size}", size=format_bytes(size)),
        [
            ("", sections[-1].start, 0),
            ("embedding", embedding.nbytes, 2),
            ("30 layers", size - sections[-1].start - embedding.nbytes, 3),
        ],
    ),
    (
        fill("one layer: {size}", size=format_bytes(sum(block.values()))),
        [
            ("down", block["ffn_down"], 3),
            ("gate", block["ffn_gate"], 3),
            ("up", block["ffn_up"], 3),
            ("attention", attention + block["ffn_norm"], 3),
        ],
    ),
    (
        fill(
            "one block of {type}: 20 bytes",
            type=tensors["blk.0.ffn_down.weight"].type_name,
        ),
        [("scale", 2, 2), ("min", 2, 2), ("32 codes of 4 bits", 16, 3)],
    ),
]
figure = new_figure(height=290)
axes = figure.axes[0]
for y, (heading, segments) in enumerate(rows):
    whole, left = sum(n for _, n, _ in segments), 0.0
    axes.text(0, y - 0.36, heading, verticalalignment="bottom")
    for name, n, level in segments:
        width = n / whole
        axes.barh(
            y, width, left=left, height=0.5, color=RAMP[level], edgecolor=MUTED
        )
        if name:
            axes.text(
                left + width / 2,
                y,
                name,
                horizontalalignment="center",
                verticalalignment="center",
            )
        left += width
for y, (begin, end) in enumerate(((1 - 1 / 30 * 0.675, 1.0), (0.0, 0.02))):
    for above, below in ((begin, 0.0), (end, 1.0)):
        axes.plot(
            [above, below],
            [y + 0.25, y + 0.38],
            color=MUTED,
            linewidth=0.6,
        )
axes.set_xlim(0, 1)
axes.set_ylim(2.35, -0.75)
axes.axis("off")
show(
    figure,
    name="map",
    title="A file of weights, and little else",
    caption="To scale, from the file's own tables. The thin first strip is the header and the "
    "metadata, nearly all of it the tokenizer.",
    alt="Three bars: the file, one layer of it, and one block of 32 weights.",
)

# %% one-block
import numpy as np

stored = model_file.raw("blk.0.ffn_down.weight")[:20]
scale, minimum = stored[:4].view(np.float16).astype(np.float32)
codes = [int(b) & 15 for b in stored[4:]] + [int(b) >> 4 for b in stored[4:]]
by_hand = np.float32([scale * code + minimum for code in codes])
# not shown
from gguf.constants import GGML_QUANT_SIZES, GGMLQuantizationType
from gguf.quants import dequantize as theirs_of

table(
    {"bytes": "", "stored": "", "read": ""},
    [
        (
            "0–1",
            f"`{stored[:2].tobytes().hex(' ')}`",
            fill("scale {x}", x=f"{scale:.6f}"),
        ),
        (
            "2–3",
            f"`{stored[2:4].tobytes().hex(' ')}`",
            fill("minimum {x}", x=f"{minimum:.6f}"),
        ),
        (
            "4–19",
            f"`{stored[4:].tobytes().hex(' ')}`",
            fill("codes {x}", x="`" + " ".join(map(str, codes[:6])) + " …`"),
        ),
    ],
)
ours = model_file.tensor("blk.0.ffn_down.weight").ravel()
check(
    "weights of a block that differ from those decoded by hand, of 32",
    computed(int((ours[:32] != by_hand).sum())),
    brute_force(0, "the loop above"),
)
theirs_all = theirs_of(
    model_file.raw("blk.0.ffn_down.weight"), GGMLQuantizationType.Q4_1
)
check(
    "weights of a matrix that the gguf package decodes otherwise",
    computed(int((ours != theirs_all.ravel()).sum())),
    reference(0, "gguf 0.19.0"),
)
value("first_code", codes[0])
value("first_weight", by_hand[0], ".4f")
value("q4_1_bytes", len(stored))
value("q4_1_nibble_bytes", len(stored) - 4)

# %% structs
from membound.quant.blocks import FORMATS

bits = {
    name: 8 * known.struct.itemsize / known.block_size
    for name, known in FORMATS.items()
    if known.block_size > 1
}
# not shown

table(
    {
        "format": "",
        "weights in a block": "d",
        "bytes": "d",
        "bits per weight": ".5g",
        "fields of the struct, in bytes": "",
    },
    [
        (
            f"`{name}`",
            known.block_size,
            known.struct.itemsize,
            bits[name],
            " ".join(
                f"`{field}`\u00a0{known.struct[field].itemsize}"
                for field in known.struct.names
            ),
        )
        for name in bits
        for known in [FORMATS[name]]
    ],
)
for name in bits:
    weights, num_bytes = GGML_QUANT_SIZES[GGMLQuantizationType[name]]
    check(
        fill("bits per weight in a block of {format}", format=name),
        computed(bits[name]),
        reference(8 * num_bytes / weights, "gguf 0.19.0"),
    )

# %% structs-figure
overhead = {
    name: 8
    / FORMATS[name].block_size
    * sum(
        kind.itemsize
        for field, (kind, *_) in FORMATS[name].struct.fields.items()
        if any(word in field for word in ("scale", "min", "exponent"))
    )
    for name in bits
}
shown = sorted(bits, key=bits.get)
figure = new_figure(height=380)
axes = figure.axes[0]
code_bits = [bits[name] - overhead[name] for name in shown]
labels = [fill("{name}", name=name) for name in shown]
axes.barh(labels, code_bits, height=0.62, color=WEIGHTS)
drawn = axes.barh(
    labels,
    [overhead[name] for name in shown],
    left=code_bits,
    height=0.62,
    color=BAD,
)
axes.bar_label(drawn, [f"{bits[name]:.5g}" for name in shown], padding=5)
axes.invert_yaxis()
axes.grid(visible=False)
axes.set_xlim(0, 9.6)
axes.set_xlabel("bits per weight: codes, then their scales and minima")
show(
    figure,
    name="bits-of-formats",
    title="What a block spends on its codes, and what on their scales",
    caption="From the fields of each struct. A K-quant's scales are small codes themselves, so it has "
    "groups of 16 or 32 for what a legacy format pays for groups of 32.",
    alt="Horizontal bars from 2.6 bits for Q2_K to 8.5 for Q8_0; scales take at most one bit.",
)
value("q8_bits", bits["Q8_0"], ".1f")
value("q4_k_bits", bits["Q4_K"], ".1f")
value("q4_k_overhead", overhead["Q4_K"], ".1f")
value("q4_1_overhead", overhead["Q4_1"], ".0f")

# %% recipe
from membound.gguf.convert import FALLBACKS


def in_more_bits(layer, num_layers):
    """The first and last eighth of the layers, and each third between."""
    eighth = num_layers // 8
    return (
        not eighth <= layer < 7 * num_layers // 8 or (layer - eighth) % 3 == 2
    )


def q4_k_m(name, shape, num_layers, output, most="Q4_K", raised="Q6_K"):
    """The type of one tensor in a Q4_K_M file."""
    if len(shape) == 1:
        return "F32"
    part, chosen = name.split("."), most
    if name == output:
        chosen = "Q6_K"
    elif part[-2] in ("attn_v", "ffn_down"):
        chosen = raised if in_more_bits(int(part[1]), num_layers) else most
    while shape[-1] % FORMATS[chosen].block_size:
        chosen = FALLBACKS[chosen]
    return chosen


# not shown
from membound.model.config import ModelConfig
from membound.model.weights import tensor_shapes

fields = "num_layers num_heads num_kv_heads head_dim hidden_size intermediate_size vocab_size"


def weights_by_type(sizes, choose=q4_k_m):
    """How many weights of a model get each type, in a file of this recipe."""
    named = dict(zip(fields.split(), sizes, strict=True))
    config = ModelConfig(
        **named, context_length=8192, rope_base=1e4, norm_eps=1e-5
    )
    tied = config.hidden_size < 1024  # the small ones have no output matrix
    output = "token_embd.weight" if tied else "output.weight"
    count = {}
    for name, shape in tensor_shapes(config, tied=tied).items():
        chosen = choose(name, shape, config.num_layers, output)
        count[chosen] = count.get(chosen, 0) + int(np.prod(shape))
    return count


def average_bits(count):
    """Bits per weight over a whole model."""
    total = sum(n * FORMATS[kind].bits_per_weight for kind, n in count.items())
    return total / sum(count.values())


# %% average
models = {  # layers, heads, KV heads, head_dim, hidden, inner, words
    "SmolLM2-135M": (30, 9, 3, 64, 576, 1536, 49152),
    "SmolLM2-360M": (32, 15, 5, 64, 960, 2560, 49152),
    "Llama-2-7B": (32, 32, 32, 128, 4096, 11008, 32000),
    "Mistral-7B": (32, 32, 8, 128, 4096, 14336, 32000),
    "Llama-3.1-8B": (32, 32, 8, 128, 4096, 14336, 128256),
}


counts = {name: weights_by_type(sizes) for name, sizes in models.items()}
averages = {name: average_bits(count) for name, count in counts.items()}
# not shown
theirs_bits = {
    "SmolLM2-135M": 6.166,
    "SmolLM2-360M": 5.943,
    "Llama-2-7B": 4.844,
    "Mistral-7B": 4.825,
    "Llama-3.1-8B": 4.894,
}
table(
    {
        "model": "",
        "weights": ",d",
        "Q4_K_M, bits per weight": ".2f",
        "GB": ".3f",
    },
    [
        (
            fill("{name}", name=name),
            sum(count.values()),
            average_bits(count),
            average_bits(count) * sum(count.values()) / 8e9,
        )
        for name, count in counts.items()
    ],
)
for name, expected in theirs_bits.items():
    check(
        fill("bits per weight of Q4_K_M, {name}", name=name),
        computed(average_bits(counts[name])),
        reference(expected, "llama.cpp 0.5.0, llama-quantize --dry-run"),
        within=0.0006,
        spec=".3f",
    )
value("average_135m", average_bits(counts["SmolLM2-135M"]), ".2f")
value("average_8b", average_bits(counts["Llama-3.1-8B"]), ".2f")
count = counts["Llama-3.1-8B"]
value("share_q6", 100 * count["Q6_K"] / sum(count.values()), ".0f")
count = counts["SmolLM2-135M"]
value("share_q4_small", 100 * count["Q4_K"] / sum(count.values()), ".0f")
value("share_embedding", 100 * 576 * 49152 / sum(count.values()), ".0f")
qwen = weights_by_type((24, 14, 2, 64, 896, 4864, 151936))
qwen["F32"] += 24 * (896 + 128 + 128)  # Qwen2.5 has biases on q, k and v
value("qwen_weights", sum(qwen.values()) / 1e6, ".0f")
value("qwen_bits", average_bits(qwen), ".2f")
value("qwen_mb", average_bits(qwen) * sum(qwen.values()) / 8e6, ".0f")
value("qwen_naive_mb", sum(qwen.values()) * 4.5 / 8e6, ".0f")
check(
    "MB of the tensors of Qwen2.5-0.5B in Q4_K_M",
    computed(average_bits(qwen) * sum(qwen.values()) / 8e6),
    reference(392, "llama.cpp 0.5.0, llama-quantize --dry-run"),
    within=0.5,
    spec=".1f",
)

# %% average-figure
order = ["Q4_K", "Q5_0", "Q6_K", "Q8_0"]
figure = new_figure(height=190)
axes = figure.axes[0]
for y, name in enumerate(("SmolLM2-135M", "Llama-3.1-8B")):
    left, whole = 0.0, sum(counts[name].values())
    axes.text(
        0,
        y - 0.33,
        fill(
            "{name}: {bits} bits per weight",
            name=name,
            bits=f"{average_bits(counts[name]):.2f}",
        ),
        verticalalignment="bottom",
    )
    for kind in order:
        width = counts[name].get(kind, 0) / whole
        if width == 0:
            continue
        axes.barh(
            y,
            width,
            left=left,
            height=0.5,
            color=RAMP[1 + order.index(kind)],
            edgecolor=MUTED,
        )
        axes.text(
            left + width / 2,
            y,
            fill("{name}", name=kind),
            fontsize=9,
            horizontalalignment="center",
            verticalalignment="center",
        )
        left += width
axes.set_xlim(0, 1)
axes.set_ylim(1.35, -0.75)
axes.axis("off")
show(
    figure,
    name="recipe",
    title="One recipe, two files",
    caption="The share of the weights that Q4_K_M stores in each block format. Rows of 576 are no "
    "whole number of blocks of 256, so most of the small model falls back to Q5_0 and Q8_0.",
    alt="SmolLM2-135M is mostly Q5_0 and Q8_0; Llama-3.1-8B mostly Q4_K.",
)

# %% predict
import tempfile
from pathlib import Path

from membound.gguf.convert import plan, quantize_file

padded = [-(-tensor.nbytes // 32) * 32 for tensor in plan(model_file, "Q4_K")]
predicted = sections[-1].start + sum(padded)
with tempfile.TemporaryDirectory() as folder:
    target = Path(folder, "model.gguf")
    quantize_file(path, target, "Q4_K")
    written = target.stat().st_size
# not shown
check(
    "bytes of the model's file in Q4_K",
    allocated(written, "os.stat"),
    closed_form(predicted, "data_start + Σ 32 ⌈nbytes / 32⌉"),
    spec=",d",
)
value("predicted", predicted, ",d")
value("source_mb", path.stat().st_size / 1e6, ".1f")
value("written_mb", written / 1e6, ".1f")
value(
    "q4_k_file_bits",
    8 * sum(padded) / sum(counts["SmolLM2-135M"].values()),
    ".2f",
)

# %% published
published_table = {  # type: bits per weight, GiB, tokens/s of decoding, of prefill
    "F16": (16.0005, 14.96, 29.17, 923.49),
    "Q8_0": (8.5008, 7.95, 50.93, 865.09),
    "Q6_K": (6.5633, 6.14, 58.67, 812.01),
    "Q5_K_M": (5.7036, 5.33, 67.23, 758.69),
    "Q4_K_M": (4.8944, 4.58, 71.93, 821.81),
}


def one_type(kind):
    """A file without a mix: every matrix in the same format."""
    return lambda _, shape, *__: "F32" if len(shape) == 1 else kind


recipes = {kind: one_type(kind) for kind in ("F16", "Q8_0", "Q6_K")} | {
    "Q5_K_M": lambda *tensor: q4_k_m(*tensor, most="Q5_K"),
    "Q4_K_M": q4_k_m,
}
ours = {
    kind: weights_by_type(models["Llama-3.1-8B"], recipe)
    for kind, recipe in recipes.items()
}
# not shown
gib = {
    kind: average_bits(count) * sum(count.values()) / 8 / 2**30
    for kind, count in ours.items()
}
table(
    {
        "Llama-3.1-8B as": "",
        "bits per weight, ours": ".4f",
        "bits per weight, published": ".4f",
        "GiB, ours": ".2f",
        "GiB, published": ".2f",
    },
    [
        (
            fill("{name}", name=kind),
            average_bits(ours[kind]),
            published_table[kind][0],
            gib[kind],
            published_table[kind][1],
        )
        for kind in recipes
    ],
)
README = "[llama.cpp](https://github.com/ggml-org/llama.cpp/blob/master/tools/quantize/README.md)"
for kind in recipes:
    check(
        fill("bits per weight of Llama-3.1-8B, {type}", type=kind),
        computed(average_bits(ours[kind])),
        published(published_table[kind][0], README),
        within=0.0001,
        spec=".4f",
    )

# %% speed
embedding_gib = {
    kind: 128256
    * 4096
    * FORMATS[
        recipes[kind]("token_embd.weight", (1, 4096), 32, "")
    ].bits_per_weight
    / 8
    / 2**30
    for kind in recipes
}
read = {kind: gib[kind] - embedding_gib[kind] for kind in recipes}
ms = {kind: 1000 / published_table[kind][2] for kind in recipes}
slope = (ms["F16"] - ms["Q8_0"]) / (read["F16"] - read["Q8_0"])
fixed = ms["F16"] - slope * read["F16"]
extra = {kind: ms[kind] - fixed - slope * read[kind] for kind in recipes}
# not shown
table(
    {
        "Llama-3.1-8B as": "",
        "GiB read for a token": ".2f",
        "ms per token, published": ".1f",
        "ms by the line": ".1f",
    },
    [
        (
            fill("{name}", name=kind),
            read[kind],
            ms[kind],
            fixed + slope * read[kind],
        )
        for kind in recipes
    ],
)
value("size_ratio", gib["F16"] / gib["Q4_K_M"], ".1f")
value("read_ratio", read["F16"] / read["Q4_K_M"], ".2f")
value("speed_ratio", ms["F16"] / ms["Q4_K_M"], ".1f")
value("speed_gb_s", 1.024**3 * 1000 / slope, ".0f")
value("fixed_ms", fixed, ".1f")
value("extra_ms", extra["Q4_K_M"], ".1f")
value("q4_ms", ms["Q4_K_M"], ".1f")
value("f16_ms", ms["F16"], ".1f")
value("without_extra", ms["F16"] / (ms["Q4_K_M"] - extra["Q4_K_M"]), ".1f")
value("q4_read", read["Q4_K_M"], ".2f")
value("f16_read", read["F16"], ".2f")
check(
    "ms per token in Q6_K by the line through F16 and Q8_0",
    computed(fixed + slope * read["Q6_K"]),
    published(ms["Q6_K"], README),
    within=0.1 * ms["Q6_K"],
    spec=".1f",
)
value("prefill_f16", published_table["F16"][3], ".0f")
value("prefill_q4", published_table["Q4_K_M"][3], ".0f")

# %% speed-figure
figure = new_figure()
axes = figure.axes[0]
line = np.array([0, max(read.values())])
axes.plot(line, fixed + slope * line, "--", color=MUTED)
for kind in recipes:
    axes.plot([read[kind]], [ms[kind]], "o", color=SERIES[0])
    above = kind not in ("Q5_K_M", "Q8_0")  # or two labels would meet
    axes.annotate(
        fill("{name}", name=kind),
        (read[kind], ms[kind]),
        xytext=(-5, 6) if above else (5, -12),
        textcoords="offset points",
        horizontalalignment="right" if above else "left",
        color=SERIES[0],
    )
axes.set_xlim(0)
axes.set_ylim(0)
axes.set_xlabel("GiB read for a token")
axes.set_ylabel("ms per token")
show(
    figure,
    name="speed",
    title="Fewer bytes are less time, and some time is no bytes",
    caption="Llama-3.1-8B, published decoding speeds. The dashed line goes through F16 and Q8_0: its "
    "slope is a bandwidth, and where it meets the axis nothing is read at all.",
    alt="Five points; the K-quants lie a little above the line through F16 and Q8_0.",
)


# %% bug-order
def decode_q4_1(stored):
    """Thirty-two weights from the 20 bytes of a Q4_1 block."""
    scale, minimum = stored[:4].view(np.float16).astype(np.float32)
    codes = np.empty(32, np.float32)
    codes[0::2] = stored[4:] & 15
    codes[1::2] = stored[4:] >> 4
    return scale * codes + minimum


# %% bug-order-answer
wrong = decode_q4_1(stored)
check(
    "weights that the decoder with the wrong order puts elsewhere, of 32",
    computed(int((wrong != by_hand).sum())),
    brute_force(
        sum(
            codes[place] != codes[place // 2 + 16 * (place % 2)]
            for place in range(32)
        ),
        "codes compared one by one",
    ),
)
check(
    "sum of the block's weights, in the wrong order",
    computed(float(np.sort(wrong).sum())),
    brute_force(float(np.sort(by_hand).sum()), "in the right order"),
    within=1e-5,
    spec=".4f",
)
value("misplaced", int((wrong != by_hand).sum()))
