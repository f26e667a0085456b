# %% answer
from membound.decode.generate import generate
from membound.model.load import load_model
from membound.model.local import default_model_path
from membound.tokenizer.chat import chat_prompt

model = load_model(default_model_path())
question = "What is gravity?"
prompt_ids = model.tokenizer.encode(
    chat_prompt([{"role": "user", "content": question}])
)
answer = list(generate(model, prompt_ids, max_new_tokens=24))
print(model.tokenizer.decode(answer), "…")

# %% agreement
import json
from pathlib import Path

from membound.page.checks import check, computed, reference

cases = json.loads(Path("tests/data/smollm2-greedy.json").read_text())["cases"]
theirs = next(case for case in cases if case["prompt_ids"] == prompt_ids)[
    "greedy_ids"
]
agreeing = next(
    (i for i, (a, b) in enumerate(zip(answer, theirs, strict=False)) if a != b),
    len(answer),
)
check(
    "tokens of the answer that equal llama.cpp's, from the first on",
    computed(agreeing),
    reference(len(answer), "llama.cpp 0.5.0, F32"),
)

# %% passes
import numpy as np

from membound.bench import interleave

sizes = [1, 2, 4, 8, 16, 32, 64, 128]
text_ids = (prompt_ids * 10)[: max(sizes)]


def one_pass(num_tokens):
    cache = model.new_cache(num_tokens)
    if num_tokens == 1:
        return lambda: (cache.truncate(0), model.decode(text_ids[0], cache))
    return lambda: (
        cache.truncate(0),
        model.forward(text_ids[:num_tokens], cache),
    )


timings = interleave({size: one_pass(size) for size in sizes}, repeats=3)
seconds = {size: timing.fastest_s for size, timing in timings.items()}
ms_per_token = [1000 * seconds[size] / size for size in sizes]

# %% figure
from membound.page.checks import band, measured
from membound.page.figures import label_end, new_figure
from membound.page.palette import DECODE, MUTED
from membound.page.show import show
from membound.page.values import value

figure = new_figure()
axes = figure.axes[0]
one_token_ms = 1000 * seconds[1]
axes.plot(sizes, ms_per_token, "o-", color=DECODE)
label_end(axes, "measured")
axes.plot(sizes, one_token_ms / np.array(sizes), "--", color=MUTED)
label_end(axes, "if only reading the weights cost time")
axes.set_xscale("log", base=2)
axes.set_yscale("log")
axes.set_xlabel("tokens in one pass")
axes.set_ylabel("ms per token")
show(
    figure,
    name="passes",
    title="The first token of a pass pays for reading the weights; the others ride along",
    caption="Time of one pass through the model, divided by the tokens in it. The dashed line is "
    "what a pass would cost if it read the weights once and its arithmetic were free.",
    alt="From one token in a pass to 128, the time per token falls.",
)
saving = ms_per_token[0] / ms_per_token[-1]
check(
    "time per token, alone against 128 together",
    measured(saving),
    band(1.2, 500),
    spec=".1f",
)
value("one_token_ms", one_token_ms, ".0f")
value("saving", saving, ".0f")
value("weights_mb", model.weights.bytes_read_per_token / 1e6, ".0f")
value("flops_per_byte", 2 / 4, ".1f")
