# %% lines
import numpy as np

from membound.quant.integer import quantize

row = np.float32([-0.31, -0.12, 0.0, 0.08, 0.21, 0.54])
stored = {
    scheme: quantize([row], bits=4, per="row", scheme=scheme)
    for scheme in ("symmetric", "affine", "offset")
}
# not shown
from membound.page.checks import band, brute_force, check, computed
from membound.page.tables import table
from membound.page.text import fill
from membound.quant.lines import decode
from membound.quant.packing import unpack

every_code = np.arange(16, dtype=np.uint8).reshape(1, 1, 16)
table(
    {
        "scheme": "",
        "step s": ".4f",
        "codes": "",
        "read back": "",
        "largest error, in steps": ".2f",
    },
    [
        (
            scheme,
            float(q.scale[0, 0]),
            "`" + " ".join(map(str, unpack(q.codes, 4, 6)[0])) + "`",
            "`" + " ".join(f"{x:.2f}" for x in q.dequantize()[0]) + "`",
            float(np.abs(q.dequantize()[0] - row).max() / q.scale[0, 0]),
        )
        for scheme, q in stored.items()
    ],
)
for scheme, q in stored.items():
    levels = decode(every_code, q.line).ravel()
    nearest = [min(levels, key=lambda level: abs(level - x)) for x in row]
    check(
        fill("largest error of 6 weights in 4 bits, {scheme}", scheme=scheme),
        computed(float(np.abs(q.dequantize()[0] - row).max())),
        brute_force(
            float(np.abs(nearest - row).max()), "the nearest of 16 levels"
        ),
        within=1e-7,
        spec=".4f",
    )

# %% laws
rng = np.random.default_rng(0)
samples = {
    "uniform": rng.uniform(-1, 1, (1, 1 << 18)).astype(np.float32),
    "normal": rng.normal(size=(1, 1 << 18)).astype(np.float32),
}


def law(x, bits):
    """Largest error in steps; MSE against s²/12; signal to noise in dB."""
    q = quantize(x, bits=bits, per="tensor", scheme="offset")
    error = q.dequantize().astype(np.float64) - x
    mse, step = np.mean(error**2), float(q.scale[0, 0])
    snr = 10 * np.log10(np.mean(x.astype(np.float64) ** 2) / mse)
    return np.abs(error).max() / step, mse / (step**2 / 12), snr


laws = {(n, b): law(x, b) for n, x in samples.items() for b in range(2, 9)}
# not shown
from membound.page.checks import closed_form, counted
from membound.page.values import value

table(
    {
        "bits": "d",
        "largest error, in steps": ".3f",
        "MSE / (s²/12)": ".3f",
        "uniform data, dB": ".1f",
        "normal data, dB": ".1f",
    },
    [(b, *laws["uniform", b], laws["normal", b][2]) for b in range(2, 9)],
)
for b in (2, 4, 8):
    largest, mse, snr = laws["uniform", b]
    check(
        fill("largest error in steps, {b} bits", b=b),
        computed(largest),
        closed_form(0.5, "1/2"),
        within=1e-3,
        spec=".4f",
    )
    check(
        fill("mean squared error over s²/12, uniform data, {b} bits", b=b),
        computed(mse),
        closed_form(1, "1"),
        within=0.02,
        spec=".3f",
    )
    check(
        fill("signal to noise in dB, uniform data, {b} bits", b=b),
        computed(snr),
        closed_form(20 * np.log10(2**b - 1), f"20 log₁₀(2^{b} − 1)"),
        within=0.05,
        spec=".2f",
    )
hostile = {
    "far from zero": rng.normal(1000, 0.01, (64, 256)),
    "heavy tails": rng.standard_cauchy((64, 256)),
    "tiny": rng.normal(size=(64, 256)) * 1e-30,
    "zeros": np.zeros((64, 256)),
    "constant": np.full((64, 256), 3.0),
}
beyond = total = 0
for x in (array.astype(np.float32) for array in hostile.values()):
    for bits in range(2, 9):
        for scheme in ("symmetric", "affine", "offset"):
            q = quantize(x, bits=bits, per=32, scheme=scheme)
            error = np.abs(q.dequantize() - x).reshape(64, 8, 32).max(axis=-1)
            largest = np.abs(x).reshape(64, 8, 32).max(axis=-1)
            beyond += int((error > q.scale / 2 + 2.0**-21 * largest).sum())
            total += error.size
check(
    fill("groups with an error beyond half a step, of {total}", total=total),
    counted(beyond),
    closed_form(0, "0"),
)
value("db_per_bit", 20 * np.log10(2), ".2f")
value("db_uniform", laws["uniform", 8][2], ".0f")
value("db_normal", laws["normal", 8][2], ".0f")
value("db_last_bit", laws["uniform", 8][2] - laws["uniform", 7][2], ".2f")
value("tail", np.abs(samples["normal"]).max(), ".1f")
value("hostile_groups", total, ",d")

# %% bytes
half, single = np.float16, np.float32
weights = rng.normal(0, 0.02, (512, 512)).astype(np.float32)
choices = {
    "INT8 per tensor, FP32 scale": (8, "tensor", "symmetric", single),
    "INT8 per row, FP32 scale": (8, "row", "symmetric", single),
    "INT4 per row, FP16 scale": (4, "row", "symmetric", half),
    "INT4 per 128, FP32 scale": (4, 128, "symmetric", single),
    "INT4 per 128, FP16 scale": (4, 128, "symmetric", half),
    "INT4 per 32, FP16 scale": (4, 32, "symmetric", half),
    "INT4 per 32, FP16 scale and minimum": (4, 32, "offset", half),
    "INT2 per 32, FP16 scale and minimum": (2, 32, "offset", half),
}
kept = {
    name: quantize(weights, bits=bits, per=per, scheme=line, scale_dtype=dtype)
    for name, (bits, per, line, dtype) in choices.items()
}
# not shown
from membound.page.checks import allocated

table(
    {
        "512 × 512 weights": "",
        "bytes": ",d",
        "bits per weight": ".4g",
        "times smaller than FP32": ".2f",
    },
    [("FP32", weights.nbytes, 32, 1.0)]
    + [
        (name, q.nbytes, q.bits_per_value, weights.nbytes / q.nbytes)
        for name, q in kept.items()
    ],
)
for name, (bits, per, line, dtype) in choices.items():
    groups = {"tensor": 1, "row": 512}.get(per) or 512 * 512 // per
    stored_each = (2 if line == "offset" else 1) * np.dtype(dtype).itemsize
    check(
        fill("bytes of 512 × 512 weights: {name}", name=name),
        allocated(kept[name].nbytes, "nbytes"),
        closed_form(
            512 * 512 * bits // 8 + groups * stored_each,
            f"512² · {bits}/8 + {groups} · {stored_each}",
        ),
        spec=",d",
    )
wide = kept["INT4 per 128, FP32 scale"]
value("int4_128_bits", wide.bits_per_value, ".2f")
value("int4_128_share", 100 * (wide.bits_per_value / 4 - 1), ".2f")
value(
    "int4_128_half_share",
    100 * (kept["INT4 per 128, FP16 scale"].bits_per_value / 4 - 1),
    ".1f",
)
value("int4_ratio", 32 / 4, ".0f")

# %% lesson
weights = rng.normal(0, 0.02, (512, 512)).astype(np.float32)
weights[:100] *= 2
weights[-50:] *= 0.5
parts = {"×2": slice(0, 100), "×1": slice(100, 462), "×½": slice(462, 512)}

methods = {
    f"INT{bits} {name}": quantize(weights, bits=bits, per=per)
    for bits in (8, 4)
    for name, per in (("per tensor", "tensor"), ("per row", "row"))
}
back = {name: q.dequantize() for name, q in methods.items()}


def relative_error(name, rows=slice(None)):
    """Mean error over mean magnitude."""
    wrong = np.abs(back[name] - weights)[rows].mean()
    return wrong / np.abs(weights[rows]).mean()


# not shown
def cosine(a, b):
    """Of two arrays as vectors."""
    a, b = a.ravel().astype(np.float64), b.ravel().astype(np.float64)
    return float(a @ b / np.sqrt((a @ a) * (b @ b)))


table(
    {
        "method": "",
        "mean error, 10⁻³": ".3f",
        "largest, 10⁻³": ".3f",
        "relative, rows ×2": ".2%",
        "rows ×1": ".2%",
        "rows ×½": ".2%",
        "cosine": ".5f",
        "bytes": ",d",
    },
    [
        (
            name,
            1000 * float(np.abs(back[name] - weights).mean()),
            1000 * float(np.abs(back[name] - weights).max()),
            *(float(relative_error(name, rows)) for rows in parts.values()),
            cosine(back[name], weights),
            q.nbytes,
        )
        for name, q in methods.items()
    ],
)
check(
    "mean error of INT8 per tensor, in steps",
    computed(
        float(
            np.abs(back["INT8 per tensor"] - weights).mean()
            / methods["INT8 per tensor"].scale[0, 0]
        )
    ),
    closed_form(0.25, "1/4"),
    within=0.005,
    spec=".3f",
)
check(
    "relative error per tensor, rows ×½ over rows ×2",
    computed(
        float(
            relative_error("INT8 per tensor", parts["×½"])
            / relative_error("INT8 per tensor", parts["×2"])
        )
    ),
    closed_form(4, "2 / ½"),
    within=0.15,
    spec=".2f",
)
check(
    "relative error per row, rows ×½ over rows ×2",
    computed(
        float(
            relative_error("INT8 per row", parts["×½"])
            / relative_error("INT8 per row", parts["×2"])
        )
    ),
    closed_form(1, "1"),
    within=0.05,
    spec=".2f",
)
value("lesson_cosine", cosine(back["INT4 per tensor"], weights), ".3f")
value(
    "lesson_small",
    100 * relative_error("INT8 per tensor", parts["×½"]),
    ".1f",
)
value(
    "lesson_large",
    100 * relative_error("INT8 per tensor", parts["×2"]),
    ".1f",
)
value("lesson_row", 100 * relative_error("INT8 per row"), ".1f")
value("lesson_ratio", weights.nbytes / methods["INT8 per row"].nbytes, ".2f")

# %% lesson-figure
from membound.page.figures import bars, label_end, new_figure
from membound.page.palette import BAD, MUTED, SERIES, WEIGHTS
from membound.page.show import show

PER_ROW, PER_TENSOR = SERIES[0], BAD
figure = new_figure(panels=4, height=250)
spread, staircase, error, size = figure.axes

edges = np.linspace(-0.12, 0.12, 97)
middles = (edges[1:] + edges[:-1]) / 2
for name, colour in (("×2", SERIES[3]), ("×1", SERIES[1]), ("×½", SERIES[2])):
    density = np.histogram(weights[parts[name]], edges, density=True)[0]
    spread.plot(middles, density, color=colour)
    top = density.argmax()
    spread.text(
        0.012 if name == "×½" else {"×2": 0.06, "×1": 0.03}[name],
        {"×½": 0.85, "×1": 0.4, "×2": 0.12}[name] * 40,
        fill("rows {part}", part=name),
        color=colour,
    )
spread.set_xlabel("weight")
spread.set_ylabel("density")

x = np.sort(weights[-1])
staircase.plot(x, x, color=MUTED)
label_end(staircase, "FP32")
for name, colour in (
    ("INT4 per tensor", PER_TENSOR),
    ("INT4 per row", PER_ROW),
):
    staircase.plot(x, back[name][-1][np.argsort(weights[-1])], color=colour)
    label_end(staircase, name.removeprefix("INT4 "))
staircase.set_xlabel("weight of one row ×½")
staircase.set_ylabel("read back from INT4")

wrong = {
    name: np.abs(back[name] - weights).mean(axis=1)
    / np.abs(weights).mean(axis=1)
    for name in ("INT8 per tensor", "INT8 per row")
}
for name, colour in (
    ("INT8 per tensor", PER_TENSOR),
    ("INT8 per row", PER_ROW),
):
    error.plot(range(512), 100 * wrong[name], color=colour, linewidth=1)
    label_end(error, name.removeprefix("INT8 "))
error.set_ylim(0)
error.set_xlabel("row")
error.set_ylabel("relative error in INT8, %")

bars(
    size,
    ["FP32", "INT8 per row", "INT4 per row"],
    [
        weights.nbytes / 1024,
        methods["INT8 per row"].nbytes / 1024,
        methods["INT4 per row"].nbytes / 1024,
    ],
    spec="{:,.0f} KiB",
    color=WEIGHTS,
)
size.set_ylabel("stored, scales included")
show(
    figure,
    name="experiment",
    title="One step for all rows is too coarse for the small ones",
    caption="512 × 512 normal weights; rows 0 to 99 are doubled, the last 50 halved. Each row's own "
    "step makes their relative errors equal, for 4 bytes a row.",
    alt="Four panels: three distributions; staircases; error by row; bytes.",
)

# %% weight-outliers
from membound.model.load import load_model
from membound.model.local import default_model_path

model = load_model(default_model_path())
kinds = ("q", "k", "v", "o", "gate", "up", "down")
reach = {
    kind: [
        float(np.abs(matrix).max() / matrix.std())
        for layer in model.weights.layers
        for matrix in [getattr(layer, kind)]
    ]
    for kind in kinds
}
# not shown
table(
    {
        "matrix": "",
        "largest weight / standard deviation, median layer": ".1f",
        "worst layer": ".1f",
        "which": "d",
    },
    [
        (f"`{kind}`", float(np.median(r)), max(r), int(np.argmax(r)))
        for kind, r in reach.items()
    ],
)
worst = max(reach, key=lambda kind: max(reach[kind]))
value("worst_matrix", worst)
value("worst_reach", max(reach[worst]), ".0f")
value("worst_layer", int(np.argmax(reach[worst])))
value("median_reach", float(np.median(list(reach.values()))), ".0f")

# %% baseline
from pathlib import Path

from membound.decode.quality import cut_windows, log_probabilities
from membound.decode.variants import degridded
from membound.gguf.reader import read_gguf

text = Path("docs/blocks/data/jargon-file.txt").read_text(encoding="utf-8")
windows = cut_windows(model.tokenizer.encode(text), 2, 128)

baseline = degridded(read_gguf(default_model_path()), seed=0)
before = log_probabilities(baseline, windows)
# not shown
value("num_tokens", windows[:, 1:].size)
value("num_windows", len(windows))
value("window_size", windows.shape[1])
value("vocabulary", len(baseline.embedding), ",d")
next_tokens = windows[:, 1:, None]
loss = -np.take_along_axis(before, next_tokens, axis=-1).mean()
value("ppl_before", float(np.exp(loss)), ".0f")

# %% bits
from membound.decode.roundings import gguf_blocks, integers
from membound.decode.variants import Variant, measure_variants

roundings = {
    "INT8 per tensor": integers(8, "tensor"),
    "INT8 per row": integers(8, "row"),
    "Q8_0": gguf_blocks("Q8_0"),
    "Q5_0": gguf_blocks("Q5_0"),
    "Q4_1": gguf_blocks("Q4_1"),
    "Q4_0": gguf_blocks("Q4_0"),
    "IQ4_NL": gguf_blocks("IQ4_NL"),
    "MXFP4": gguf_blocks("MXFP4"),
    "INT4 per row": integers(4, "row"),
    "INT4 per tensor": integers(4, "tensor"),
    "INT3 per 32": integers(3, 32, "offset"),
}
variants = [Variant(name, matrices=r) for name, r in roundings.items()]
costs = list(measure_variants(baseline, windows, variants, before))
# not shown
from membound.quant.blocks import find_format


def plus_minus(number, error, sign=""):
    """A number and its standard error, with one digit of the error."""
    decimals = max(0, -int(np.floor(np.log10(error))))
    return f"{number:{sign},.{decimals}f} ± {error:,.{decimals}f}"


def show_costs(heading, costs, *, change=True):
    """What each variant costs the model, with paired standard errors."""
    table(
        {
            heading: "",
            "bits": ".2f",
            "perplexity, change in %" if change else "perplexity": ",.0f",
            "KL": "g",
            "same likeliest token": ".0%",
        },
        [
            (
                cost.name
                if "per" in cost.name
                else fill("{name}", name=cost.name),
                cost.bits,
                plus_minus(
                    100 * of.perplexity_change,
                    100 * of.perplexity_change_error,
                    sign="+",
                )
                if change
                else of.perplexity,
                plus_minus(of.kl, of.kl_error),
                of.top1_agreement,
            )
            for cost in costs
            for of in [cost.quality]
        ],
    )


show_costs("weights of the layers as", costs, change=False)
for cost in costs:
    if "per" not in cost.name:
        struct = find_format(cost.name)
        check(
            fill(
                "bits per weight measured on the model, {name}", name=cost.name
            ),
            counted(cost.bits),
            closed_form(
                struct.bits_per_weight,
                f"8 · {struct.type_size} / {struct.block_size}",
            ),
            spec=".4g",
        )

by_name = {cost.name: cost for cost in costs}
quality = {name: cost.quality for name, cost in by_name.items()}
check(
    "share of tokens with the same likeliest successor, INT4 per tensor",
    computed(quality["INT4 per tensor"].top1_agreement),
    band(0, 0.1),
    spec=".3f",
)
check(
    "share of tokens with the same likeliest successor, Q8_0",
    computed(quality["Q8_0"].top1_agreement),
    band(0.9, 1),
    spec=".3f",
)
real = [getattr(baseline.layers[15], kind) for kind in kinds]
value(
    "real_cosine",
    float(np.median([cosine(integers(4, "tensor")(w)[0], w) for w in real])),
    ".2f",
)
value("ppl_tensor", quality["INT4 per tensor"].perplexity, ",.0f")
value("ppl_row", quality["INT4 per row"].perplexity, ".0f")
value("ppl_q4_0", quality["Q4_0"].perplexity, ".0f")
value("ppl_q8_0", quality["Q8_0"].perplexity, ".0f")
value("kl_tensor", quality["INT4 per tensor"].kl, ".0f")
value("kl_row", quality["INT4 per row"].kl, ".1f")
value("kl_q4_0", quality["Q4_0"].kl, ".2f")
value("kl_iq4", quality["IQ4_NL"].kl, ".2f")
value("kl_q4_1", quality["Q4_1"].kl, ".2f")
value("kl_q5_0", quality["Q5_0"].kl, ".2f")
value("kl_q8_0", quality["Q8_0"].kl, ".4f")
value("kl_int8_row", quality["INT8 per row"].kl, ".4f")
value("kl_int8_tensor", quality["INT8 per tensor"].kl, ".2f")
value("kl_int3", quality["INT3 per 32"].kl, ".1f")
value("small_ratio", quality["Q4_0"].kl / 0.071940, ".0f")
value("int3_ratio", quality["INT3 per 32"].kl / quality["Q4_1"].kl, ".0f")
value("top1_tensor", 100 * quality["INT4 per tensor"].top1_agreement, ".0f")
value("top1_q4_0", 100 * quality["Q4_0"].top1_agreement, ".0f")
value("change_q8_0", 100 * quality["Q8_0"].perplexity_change, "+.1f")
value("error_q8_0", 100 * quality["Q8_0"].perplexity_change_error, ".1f")

# %% bits-figure
figure = new_figure(height=400)
axes = figure.axes[0]
for cost in costs:
    grouped = "per tensor" not in cost.name and "per row" not in cost.name
    colour = SERIES[0] if grouped else BAD
    axes.plot(
        [cost.bits], [cost.quality.kl], "o" if grouped else "s", color=colour
    )
    name = cost.name if "per" in cost.name else fill("{name}", name=cost.name)
    left = cost.name in ("IQ4_NL", "MXFP4")  # or two labels would meet
    axes.annotate(
        name,
        (cost.bits, cost.quality.kl),
        xytext=(-6 if left else 6, 0),
        textcoords="offset points",
        horizontalalignment="right" if left else "left",
        verticalalignment="center",
        color=colour,
    )
axes.set_yscale("log")
axes.set_xlim(3.0, 9.7)
axes.set_xlabel("bits per weight, scales included")
axes.set_ylabel("KL divergence, nats per token")
show(
    figure,
    name="bits-against-kl",
    title="The fewer weights share a scale, the less 4 bits cost",
    caption="All matrices of the layers of SmolLM2-135M rounded at once, off the file's grid. Circles: a "
    "scale for each 32 weights. Squares: one for each row or for the whole matrix.",
    alt="KL falls as bits rise; INT4 per tensor lies far above INT4 in groups.",
)

# %% grid
plain = log_probabilities(model.weights, windows)
on_grid = {
    cost.name: cost.quality
    for cost in measure_variants(
        model.weights,
        windows,
        [v for v in variants if v.name in ("Q8_0", "Q4_1", "Q4_0")],
        plain,
    )
}
# not shown
table(
    {
        "format": "",
        "KL, weights on the file's grid": ".2g",
        "KL, weights off it": ".2g",
    },
    [
        (fill("{name}", name=name), on_grid[name].kl, by_name[name].quality.kl)
        for name in ("Q8_0", "Q4_0", "Q4_1")
    ],
)
check(
    "KL of Q4_1 on weights that are Q4_1 already",
    computed(on_grid["Q4_1"].kl),
    closed_form(0, "0"),
    within=1e-6,
    spec=".1e",
)
check(
    "tokens whose likeliest successor changes, same weights",
    computed(
        round((1 - on_grid["Q4_1"].top1_agreement) * on_grid["Q4_1"].num_tokens)
    ),
    closed_form(0, "0"),
)
value("grid_q4_1_off", by_name["Q4_1"].quality.kl, ".2f")
value("grid_q4_0_on", on_grid["Q4_0"].kl, ".2f")
value("grid_q4_0_off", by_name["Q4_0"].quality.kl, ".2f")
value("grid_q8_0_on", on_grid["Q8_0"].kl, ".4f")
value("grid_q8_0_off", by_name["Q8_0"].quality.kl, ".4f")

# %% inputs
from dataclasses import replace

from membound.decode.calibration import inputs_of
from membound.quant.awq import awq
from membound.quant.gptq import gptq, output_error

matrix = baseline.layers[2].q
(x,) = inputs_of(
    replace(baseline, layers=baseline.layers[:3]),
    cut_windows(model.tokenizer.encode(text), 4, 192),
    [matrix],
)
seen, unseen = x[:576], x[576:]

rounded = {
    "to the nearest": quantize(matrix, bits=4, per="row", scale_dtype=half),
    "AWQ": awq(matrix, seen, bits=4),
    "GPTQ": gptq(matrix, seen, bits=4, damping=1, act_order=True),
}
# not shown
wrong = {
    name: (
        output_error(seen, matrix, q.dequantize()),
        output_error(unseen, matrix, q.dequantize()),
    )
    for name, q in rounded.items()
}
table(
    {
        "INT4 per row, rounded": "",
        "output error, text that it saw": ".3%",
        "text that it did not": ".3%",
    },
    [(name, *errors) for name, errors in wrong.items()],
)
check(
    "output error of GPTQ over that of rounding to the nearest",
    computed(wrong["GPTQ"][1] / wrong["to the nearest"][1]),
    band(0.1, 0.6),
    spec=".2f",
)
value("num_seen", len(seen))
value("nearest_error", 100 * wrong["to the nearest"][1], ".2f")
value("awq_gain", wrong["to the nearest"][1] / wrong["AWQ"][1], ".1f")
value("gptq_gain", wrong["to the nearest"][1] / wrong["GPTQ"][1], ".1f")

# %% activation-outliers
from membound.decode.calibration import outlier_channels

layers = model.weights.layers
met = {
    name: inputs_of(
        model.weights, windows[:1], [getattr(layer, kind) for layer in layers]
    )
    for name, kind in (("down", "down"), ("gate and up", "gate"))
}
peaks = {
    name: [outlier_channels(x, 1)[0] for x in inputs]
    for name, inputs in met.items()
}
# not shown
table(
    {
        "inputs of": "",
        "largest channel, times the median": ",.0f",
        "in layer": "d",
    },
    [
        (
            f"`{name}`",
            max(t for _, t in found),
            int(np.argmax([t for _, t in found])),
        )
        for name, found in peaks.items()
    ],
)
order = np.argsort([-times for _, times in peaks["down"]])
layer_index = int(order[0])
channel, times = peaks["down"][layer_index]
value("peak_layer", layer_index)
value("peak_channel", channel)
value("peak_times", times, ",.0f")
value("second_layer", int(order[1]))
value("peak_token", int(np.abs(met["down"][layer_index][:, channel]).argmax()))
size = np.abs(met["down"][layer_index])
check(
    "the largest input of down over that of the median channel",
    computed(times),
    brute_force(
        max(abs(float(x)) for x in met["down"][layer_index].ravel())
        / sorted(max(map(abs, column)) for column in size.T.tolist())[
            size.shape[1] // 2
        ],
        "by a loop",
    ),
    within=0.01 * times,
    spec=",.0f",
)

# %% activation-outliers-figure
figure = new_figure()
axes = figure.axes[0]
for (name, found), colour in zip(peaks.items(), (BAD, SERIES[0]), strict=True):
    axes.plot([times for _, times in found], "o-", color=colour)
    label_end(axes, fill("inputs of {name}", name=name))
axes.set_yscale("log")
axes.set_xlabel("layer")
axes.set_ylabel("largest channel, times the median channel")
show(
    figure,
    name="activation-outliers",
    title="One channel of a layer's inputs can be a thousand times larger than the others",
    caption="For each layer the largest magnitude in any channel, divided by that of the median "
    "channel, over one window of text.",
    alt="Most layers lie between 3 and 100; two layers of down reach above 1000.",
)

# %% int8
from membound.page.source import show_source
from membound.quant.activations import int8_linear

show_source(int8_linear)
# not shown
from membound.quant.activations import int8_codes

small_x, small_w = x[:4], matrix[:5]
(x_codes, x_scale), (w_codes, w_scale) = map(int8_codes, (small_x, small_w))
by_hand = [
    [sum(int(a) * int(b) for a, b in zip(t, w, strict=True)) for w in w_codes]
    for t in x_codes
]
check(
    "largest difference of an INT8 product and whole numbers added one by one",
    computed(
        float(
            np.abs(
                int8_linear(small_x, small_w)
                - x_scale * np.float32(by_hand) * w_scale.T
            ).max()
        )
    ),
    brute_force(0, "Python's integers"),
    within=1e-6,
    spec=".1e",
)

# %% activations
from membound.decode.variants import ACTIVATIONS

rounded_inputs = list(
    measure_variants(model.weights, windows, ACTIVATIONS, plain)
)
# not shown
show_costs("inputs of every matrix", rounded_inputs)

by_act = {cost.name: cost.quality for cost in rounded_inputs}
value(
    "act_tensor",
    100 * by_act["INT8 activations per tensor"].perplexity_change,
    ".0f",
)
value(
    "act_token",
    100 * by_act["INT8 activations per token"].perplexity_change,
    "+.1f",
)
value(
    "act_token_error",
    100 * by_act["INT8 activations per token"].perplexity_change_error,
    ".1f",
)
value("act_block_kl", by_act["INT8 activations per 32"].kl, ".4f")
value("act_token_kl", by_act["INT8 activations per token"].kl, ".3f")
check(
    "KL of INT8 inputs per tensor over that per token",
    computed(
        by_act["INT8 activations per tensor"].kl
        / by_act["INT8 activations per token"].kl
    ),
    band(5, 200),
    spec=".0f",
)

# %% key-channels
from membound.attention.plain import attention
from membound.decode.quality import run_windows

kept = []  # keys and values (heads, tokens, channels) of each layer


def attend(q, k, v):
    kept.append((k, v))
    return attention(q, k, v)


run_windows(model.weights, windows[:1], attend=attend)


def stands_out(x):
    """The channel of largest mean magnitude, times the median channel."""
    mean = np.abs(x).mean(axis=1)
    return mean.max() / np.median(mean)


key_spread = [stands_out(k) for k, _ in kept]
value_spread = [stands_out(v) for _, v in kept]

# %% kv
from membound.decode.roundings import keys_per_channel
from membound.decode.variants import kv_variant

kv_variants = [
    kv_variant("INT8 per token", integers(8, "row"), integers(8, "row"))
]
for bits in (4, 3, 2):
    by_token = integers(bits, 32, "offset")
    by_channel = keys_per_channel(bits)
    kv_variants += [
        kv_variant(f"INT{bits} per token", by_token, by_token),
        kv_variant(f"INT{bits}, keys per channel", by_channel, by_token),
    ]
kv_costs = list(measure_variants(model.weights, windows, kv_variants, plain))
# not shown
show_costs("keys and values as", kv_costs)
kv_kl = {cost.name: cost.quality.kl for cost in kv_costs}
for bits in (4, 3, 2):
    check(
        fill("KL of INT{bits} keys per token over that per channel", bits=bits),
        computed(
            kv_kl[f"INT{bits} per token"]
            / kv_kl[f"INT{bits}, keys per channel"]
        ),
        band(1.5, 20),
        spec=".1f",
    )
value(
    "kv_gain4",
    kv_kl["INT4 per token"] / kv_kl["INT4, keys per channel"],
    ".0f",
)
value("kv_int8", kv_kl["INT8 per token"], ".4f")
value("kv_int4", kv_kl["INT4, keys per channel"], ".3f")

# %% kv-figure
figure = new_figure(panels=2, height=280)
left, right = figure.axes
for spread, name, colour in (
    (key_spread, "keys", SERIES[2]),
    (value_spread, "values", SERIES[1]),
):
    left.plot(spread, color=colour)
    label_end(left, name)
left.set_ylim(0)
left.set_xlabel("layer")
left.set_ylabel("largest channel, times the median")
for ending, name, colour in (
    (" per token", "keys per token", BAD),
    (", keys per channel", "keys per channel", SERIES[2]),
):
    found = [cost for cost in kv_costs if cost.name.endswith(ending)]
    found = [cost for cost in found if cost.bits < 6][::-1]
    right.plot(
        [cost.bits for cost in found],
        [cost.quality.kl for cost in found],
        "o-",
        color=colour,
    )
    label_end(right, name)
right.set_yscale("log")
right.set_xlim(2.8, 5.2)
right.set_xlabel("bits, scales and minima included")
right.set_ylabel("KL divergence, nats per token")
show(
    figure,
    name="kv",
    title="Keys have outlier channels, so they share a scale along the channel",
    caption="Left: in each layer the channel of largest mean magnitude, beside the median channel. "
    "Right: what it costs the model to keep all keys and values in few bits, per token or with "
    "the keys per channel, at the same number of bytes.",
    alt="Keys stand out about ten times in every layer, values about four times. Keys per channel cost several times less.",
)
value("key_spread", float(np.median(key_spread)), ".0f")
value("value_spread", float(np.median(value_spread)), ".0f")

# %% kv-bytes
from membound.cache.contiguous import ContiguousCache
from membound.cache.quantised import PerTokenCache

sizes = {"num_layers": 32, "num_kv_heads": 32, "head_dim": 128}  # Llama-2-7B
one = np.ones((32, 1, 128), np.float32)
caches = {
    "FP16": ContiguousCache(**sizes, capacity=1, dtype=np.float16),
    "INT8 per token": PerTokenCache(32, bits=8),
    "INT4 per 32": PerTokenCache(32, bits=4, per=32, scheme="offset"),
}
for cache in caches.values():
    for layer in range(32):
        cache.append(layer, one, one)
    cache.advance(1)
# not shown
table(
    {
        "cache of Llama-2-7B as": "",
        "bytes for a token": ",d",
        "of FP16": ".0%",
    },
    [
        (name, cache.nbytes, cache.nbytes / caches["FP16"].nbytes)
        for name, cache in caches.items()
    ],
)
for name, each, formula in (
    ("FP16", 256, "2 · 128"),
    ("INT8 per token", 130, "128 + 2"),
    ("INT4 per 32", 80, "64 + 4 · 4"),
):
    check(
        fill("bytes of one token of Llama-2-7B: {name}", name=name),
        allocated(caches[name].nbytes, "nbytes"),
        closed_form(2 * 32 * 32 * each, f"2 · 32 · 32 · ({formula})"),
        spec=",d",
    )

# %% bug-twice
from membound.quant.lesson_bugs import (
    clipped_zero_point,
    forgotten_minimum,
    rounded_twice,
)

show_source(rounded_twice)

# %% bug-twice-answer
span = np.ptp(weights, axis=1, keepdims=True)
in_steps = np.abs(rounded_twice(weights) - weights) / (span / 255)
right = quantize(weights, bits=8, per="row", scheme="affine").dequantize()
check(
    "largest error of the quantiser that rounds twice, in steps",
    computed(float(in_steps.max())),
    closed_form(1, "1/2 + 1/2"),
    within=0.01,
    spec=".3f",
)
value("twice_error", float(in_steps.max()), ".2f")
value(
    "twice_mean",
    100
    * (
        np.abs(rounded_twice(weights) - weights).mean()
        / np.abs(right - weights).mean()
        - 1
    ),
    ".0f",
)

# %% bug-clipped
show_source(clipped_zero_point)

# %% bug-clipped-answer
far = np.float32([[5, 6, 7, 8]])
check(
    "largest error on 5, 6, 7, 8 with a clipped zero point",
    computed(float(np.abs(clipped_zero_point(far) - far).max())),
    closed_form(5, "min(5, 6, 7, 8)"),
    within=1e-4,
)

# %% bug-forgotten
show_source(forgotten_minimum)

# %% bug-forgotten-answer
shift = (forgotten_minimum(weights) - weights).mean(axis=1)
check(
    "mean error of a row without its minimum, over the minimum",
    computed(float(np.median(shift / weights.min(axis=1)))),
    closed_form(-1, "−1"),
    within=0.01,
    spec=".3f",
)
