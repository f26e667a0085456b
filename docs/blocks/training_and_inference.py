# %% score
import time

import numpy as np

from membound.bench import machine_line, measure
from membound.decode.quality import log_probabilities, log_softmax
from membound.model.load import load_model
from membound.model.local import default_model_path

model = load_model(default_model_path())
text = model.tokenizer.encode("Training and inference differ in that")
num_known, num_new = len(text), 128

cache = model.new_cache(num_known + num_new)
logits, step_by_step, clock = model.prefill(text, cache), [], []
for _ in range(num_new):
    start = time.perf_counter()
    text.append(int(logits.argmax()))
    step_by_step.append(log_softmax(logits.copy())[text[-1]])
    logits = model.decode(text[-1], cache)
    clock.append(time.perf_counter() - start)

known = np.array([text])
at_once = log_probabilities(model.weights, known)[0, num_known - 1 :]
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
)
from membound.page.tables import table
from membound.page.text import fill, say
from membound.page.values import value

score_s = measure(
    lambda: log_probabilities(model.weights, known), warmup=0, repeats=3
).median_s
generate_s = float(np.median(clock)) * num_new
new = np.array(text[num_known:])
rows = np.arange(num_new)
table(
    {"": "", "tokens": "d", "passes": "d", "s": ".2f", "tokens/s": ",.0f"},
    [
        (
            "scored, all known: one pass",
            len(text),
            1,
            score_s,
            len(text) / score_s,
        ),
        (
            "generated, one by one",
            num_new,
            num_new,
            generate_s,
            num_new / generate_s,
        ),
    ],
)
say(
    "Measured on: {machine}. Medians: of 3 passes, and of 128 steps.",
    machine=machine_line(fill),
)
check(
    "largest difference of log-probabilities, in one pass and step by step",
    computed(float(np.abs(at_once[rows, new] - np.array(step_by_step)).max())),
    brute_force(0, "step by step"),
    within=1e-3,
    spec=".1e",
)
check(
    "tokens of 128 that one pass would have chosen too",
    computed(int((at_once.argmax(axis=-1) == new).sum())),
    brute_force(num_new, "step by step"),
)
score_gain = (len(text) / score_s) / (num_new / generate_s)
check(
    "tokens per second, scored over generated",
    measured(score_gain),
    band(1.3, 1000),
    spec=".1f",
)
value("num_new", num_new)
value("score_gain", score_gain, ".0f")
value("score_s", score_s, ".2f")
value("generate_s", generate_s, ".1f")
value("perplexity", float(np.exp(-np.mean(step_by_step))), ".1f")

# %% source
from membound.page.source import show_source
from membound.training import (
    Adam,
    Tally,
    backward,
    forward,
    loss_and_gradient,
    make_tower,
)

show_source(forward)
show_source(backward)

# %% count
widths, num_tokens = [64, 256, 256, 32], 100
tower = make_tower(widths, seed=0)
num_weights = sum(W.size for W in tower)
rng = np.random.default_rng(0)
x = rng.normal(size=(num_tokens, widths[0])).astype(np.float32)
classes = rng.integers(widths[-1], size=num_tokens)

there, back, adam = Tally(), Tally(), Adam(tower)
logits, inputs = forward(tower, x, there)
loss, dy = loss_and_gradient(logits, classes)
gradients, _ = backward(tower, inputs, dy, back)
adam.update(tower, gradients)
later, _ = loss_and_gradient(forward(tower, x, Tally())[0], classes)
# not shown
table(
    {"": "", "FLOPs": ",d", "per weight and token": ".0f"},
    [
        ("forward", there.flops, there.flops / num_weights / num_tokens),
        ("backward", back.flops, back.flops / num_weights / num_tokens),
        (
            "a training step",
            there.flops + back.flops,
            (there.flops + back.flops) / num_weights / num_tokens,
        ),
    ],
)
say(
    "Loss before the step {before:.3f}, after it {after:.3f}.",
    before=loss,
    after=later,
)
check(
    "FLOPs of a training step of the small network",
    counted(there.flops + back.flops),
    closed_form(6 * num_weights * num_tokens, "6 N D"),
    spec=",d",
)

exact = make_tower(widths, seed=0, dtype="float64")
x64 = x.astype(np.float64)
logits64, inputs64 = forward(exact, x64, Tally())
gradients64, _ = backward(
    exact, inputs64, loss_and_gradient(logits64, classes)[1], Tally()
)


def slope(layer, index, step=1e-5):
    """What a small change of one weight does to the loss."""
    losses = []
    for sign in (1, -1):
        exact[layer][index] += sign * step
        losses.append(
            loss_and_gradient(forward(exact, x64, Tally())[0], classes)[0]
        )
        exact[layer][index] -= sign * step
    return (losses[0] - losses[1]) / (2 * step)


sample = [
    (layer, tuple(int(rng.integers(n)) for n in exact[layer].shape))
    for layer in range(len(exact))
    for _ in range(20)
]
check(
    "largest difference of 60 gradients from finite differences",
    computed(
        max(
            abs(float(gradients64[layer][index]) - slope(layer, index))
            for layer, index in sample
        )
    ),
    brute_force(0, "`(loss(w + h) − loss(w − h)) / 2h`"),
    within=1e-6,
    spec=".1e",
)
check(
    "bytes of weights, gradients and Adam's two means, per weight",
    allocated(
        sum(
            array.nbytes
            for arrays in (tower, gradients, adam.means, adam.squares)
            for array in arrays
        )
        / num_weights,
        "nbytes",
    ),
    closed_form(16, "4 + 4 + 4 + 4"),
)

# %% forward
from membound.attention.plain import attention
from membound.model.transformer import hidden_states

kept, tally = {}, Tally()


def multiply(x, matrix):
    kept[id(x)] = x  # q, k and v have one input: it is kept once
    return tally.multiply(x, matrix.T)


ids = text[:num_new]
hidden = hidden_states(
    model.weights,
    ids,
    np.arange(len(ids)),
    lambda _, q, k, v: attention(q, k, v),
    multiply,
)
multiply(hidden, model.weights.head)
# not shown
from membound.model.weights import tensor_shapes

config = model.config


def num_parameters(config, tied):
    shapes = tensor_shapes(config, tied=tied).values()
    return sum(int(np.prod(shape)) for shape in shapes)


smol = num_parameters(config, tied=True)
num_norms = (2 * config.num_layers + 1) * config.hidden_size
check(
    "FLOPs per token of a forward pass of SmolLM2-135M, in its matrices",
    counted(tally.flops / len(ids)),
    closed_form(2 * (smol - num_norms), "2 (N − N_norm)"),
    spec=",.0f",
)
kept_bytes = sum(array.nbytes for array in kept.values())
kept_per_token = kept_bytes / len(ids)
check(
    "bytes per token of the matrices' inputs, SmolLM2-135M in float32",
    counted(kept_per_token),
    closed_form(
        4
        * (
            config.num_layers
            * (
                2 * config.hidden_size
                + config.query_size
                + config.intermediate_size
            )
            + config.hidden_size
        ),
        "4 (L (2h + q + i) + h)",
    ),
    spec=",.0f",
)
kv_per_token = model.new_cache(1).nbytes
context = 2048
attention_flops = 4 * config.num_layers * config.query_size * context
value("smol_parameters", smol / 1e6, ".1f")
value("forward_mflops", tally.flops / len(ids) / 1e6, ".0f")
value("two_n_mflops", 2 * smol / 1e6, ".0f")
value("kept_kb", kept_per_token / 1e3, ".0f")
value("kv_kb", kv_per_token / 1e3, ".0f")
value("kept_over_kv", kept_per_token / kv_per_token, ".1f")
value("kept_equal_tokens", 16 * smol / kept_per_token, ",.0f")
value("attention_context", context)
value("attention_extra", 100 * attention_flops / (2 * smol), ".0f")
kept.clear()

# %% memory
from membound.model.config import ModelConfig

llama = ModelConfig(
    num_layers=32,
    num_heads=32,
    num_kv_heads=8,
    head_dim=128,
    hidden_size=4096,
    intermediate_size=14336,
    vocab_size=128256,
    context_length=131072,
)
N = num_parameters(llama, tied=False)
bytes_each = {  # weights, gradients, float32 copy, Adam's two means
    "train, FP32": (4, 4, 0, 8),
    "train, BF16 with FP32 copy": (2, 2, 4, 8),
    "serve, FP32": (4, 0, 0, 0),
    "serve, BF16": (2, 0, 0, 0),
    "serve, 4.5 bits": (18 / 32, 0, 0, 0),
}
# not shown
table(
    {
        "what for": "",
        "weights": ".2f",
        "gradients": "d",
        "copy": "d",
        "means": "d",
        "bytes per weight": ".2f",
        "SmolLM2-135M, GB": ".2f",
        "Llama-3.1-8B, GB": ".1f",
    },
    [
        (name, *each, sum(each), sum(each) * smol / 1e9, sum(each) * N / 1e9)
        for name, each in bytes_each.items()
    ],
)
check(
    "parameters of Llama-3.1-8B, billions",
    computed(N / 1e9),
    published(
        8.03, "[model card](https://huggingface.co/meta-llama/Llama-3.1-8B)"
    ),
    within=0.005,
    spec=".3f",
)
check(
    "GB to train 1.5 billion weights in mixed precision",
    computed(sum(bytes_each["train, BF16 with FP32 copy"]) * 1.5),
    published(24, "[ZeRO](https://arxiv.org/abs/1910.02054), section 3.1"),
)
value("train_bytes", sum(bytes_each["train, BF16 with FP32 copy"]))
value("serve_bytes", sum(bytes_each["serve, BF16"]))
value("train_gb", 16 * N / 1e9, ".0f")
value("serve_gb", 2 * N / 1e9, ".0f")
value("gpus_to_train", int(np.ceil(16 * N / 80e9)))
value("llama_kv_mb", 2 * 32 * 8 * 128 * 2 / 1e6, ".2f")
value("room_tokens", (80e9 - 2 * N) / (2 * 32 * 8 * 128 * 2), ",.0f")

# %% batch
from membound.bench import interleave
from membound.decode.quality import run_windows

batches = [1, 2, 4, 8, 16, 32, 64, 128]
tokens = np.array(text[: max(batches)])[:, None]  # (batch, 1): one token each


def step(batch):
    """One token for each of `batch` sequences; each weight is read once."""
    hidden = run_windows(model.weights, tokens[:batch])
    return hidden[:, 0] @ model.weights.head.T


timings = interleave(
    {b: lambda b=b: step(b) for b in batches}, warmup=1, repeats=3
)
latency_s = {b: timing.median_s for b, timing in timings.items()}
# not shown
from membound.page.figures import new_figure
from membound.page.palette import DECODE
from membound.page.show import show

figure = new_figure()
axes = figure.axes[0]
axes.plot(
    [1000 * latency_s[b] for b in batches],
    [b / latency_s[b] for b in batches],
    "o-",
    color=DECODE,
)
for b in (1, 8, 32, 128):
    axes.annotate(
        fill("batch {b}", b=b),
        (1000 * latency_s[b], b / latency_s[b]),
        xytext=(9, -8) if b > 1 else (-4, -15),
        textcoords="offset points",
        color=DECODE,
        verticalalignment="center",
    )
axes.set_xlim(0, 1350 * max(latency_s.values()))
axes.set_yscale("log")
axes.set_ylim(5, 2000)
axes.set_xlabel("ms for a step: how long each reader waits for a token")
axes.set_ylabel("tokens/s of all together")
show(
    figure,
    name="batch",
    title="A batch buys throughput with latency",
    caption="One step of SmolLM2-135M for a batch of sequences, without a past. To the right each "
    "reader waits longer; upwards the machine writes more. Training sits at the top right, a chat "
    "at the bottom left.",
    alt="From batch 1 to 128 the tokens per second grow, and so does the wait.",
)
check(
    "tokens per second, batch 128 over batch 1",
    measured(128 / latency_s[128] * latency_s[1]),
    band(1.5, 128),
    spec=".1f",
)
value("latency_one", 1000 * latency_s[1], ".0f")
value("latency_many", 1000 * latency_s[128], ".0f")
value("throughput_one", 1 / latency_s[1], ".0f")
value("throughput_many", 128 / latency_s[128], ".0f")
value("latency_ratio", latency_s[128] / latency_s[1], ".0f")
value("throughput_ratio", 128 / latency_s[128] * latency_s[1], ".0f")
rate = 128 / latency_s[128] * 2 * smol
value("rate_gflops", rate / 1e9, ".0f")
value("training_years", 6 * smol * 2e12 / rate / 3.156e7, ",.0f")
value("training_flops", 6 * smol * 2e12 / 1e21, ".1f")
value("break_even_tokens", 3 * 2)

# %% bug
from membound.model.transformer import forward_uncached


def perplexity(ids):
    log_p = log_softmax(forward_uncached(model.weights, ids))
    return np.exp(-log_p[np.arange(len(ids)), ids].mean())


ids = model.tokenizer.encode(
    "The river rose in the night, and by morning the road to the mill "
    "was under water. Nobody had heard it come."
)
# not shown
wrong = float(perplexity(ids))
logits = log_softmax(forward_uncached(model.weights, ids))
right = float(np.exp(-logits[np.arange(len(ids) - 1), ids[1:]].mean()))

# %% bug-answer
from membound.decode.quality import cut_windows

library = log_probabilities(model.weights, cut_windows(ids, 1, len(ids)))[0]
taken = library[np.arange(len(ids) - 1), ids[1:]]
check(
    "perplexity of two sentences, each token held against the prediction before it",
    computed(right),
    brute_force(float(np.exp(-taken.mean())), "`decode.quality`"),
    within=1e-3 * right,
    spec=".2f",
)
value("wrong_perplexity", wrong, ",.0f")
value("right_perplexity", right, ".1f")
value("bug_tokens", len(ids))
