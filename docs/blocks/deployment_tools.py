# %% age
from pathlib import Path

from membound.page.tools.markdown import (
    show_age,
    show_comparison,
    show_same_ideas,
    show_sheet,
)
from membound.page.tools.sheet import read_sheet, read_sheets

sheets = read_sheets(Path("docs/tools"))
clients = {
    file.name: file.read_text(encoding="utf-8")
    for file in Path("docs/tools/clients").glob("*.py")
}
show_age([sheet.taken for sheet in sheets.values()])

# %% tools
on_the_page = (
    "ollama vllm llama-cpp tensorrt-llm sglang transformers mlx-lm lmdeploy "
    "exllamav3 ktransformers llama-cpp-python dynamo tgi"
)
show_comparison({name: sheets[name] for name in on_the_page.split()}, ["use"])

# %% same-ideas
show_same_ideas(
    [
        sheets[name]
        for name in ("vllm", "sglang", "tensorrt-llm", "llama-cpp", "ollama")
    ]
)

# %% ollama
show_sheet(read_sheet(Path("docs/tools/ollama.toml")), "ollama", clients)

# %% sizes
import math

from membound.model.config import ModelConfig
from membound.model.weights import tensor_shapes
from membound.page.checks import check, computed, published, reference
from membound.page.text import fill
from membound.page.values import value


def count_weights(
    layers, heads, kv_heads, head_dim, hidden, inner, words, tied
):
    """The weights of a Qwen2.5 model: its shapes, and biases on q, k and v."""
    config = ModelConfig(
        num_layers=layers,
        num_heads=heads,
        num_kv_heads=kv_heads,
        head_dim=head_dim,
        hidden_size=hidden,
        intermediate_size=inner,
        vocab_size=words,
        context_length=32768,
    )
    shapes = tensor_shapes(config, tied=tied).values()
    biases = layers * (heads + 2 * kv_heads) * head_dim
    return sum(math.prod(shape) for shape in shapes) + biases


pulled = {  # weights, bits of Q4_K_M, MB of tensors by llama-quantize
    "qwen2.5:0.5b": (
        count_weights(24, 14, 2, 64, 896, 4864, 151936, tied=True),
        6.346,
        392,
    ),
    "qwen2.5:7b": (
        count_weights(28, 28, 4, 128, 3584, 18944, 152064, tied=False),
        4.913,
        4677,
    ),
}
for name, (num_weights, bits, megabytes) in pulled.items():
    check(
        fill("MB of the tensors of {name}, Q4_K_M", name=name),
        computed(num_weights * bits / 8e6),
        reference(megabytes, "llama.cpp 0.5.0, llama-quantize --dry-run"),
        within=1,
        spec=",.1f",
    )
small, large = (n * bits / 8 for n, bits, _ in pulled.values())
value("small_mb", small / 1e6, ".0f")
value("large_gb", large / 1e9, ".2f")
value("small_bits", pulled["qwen2.5:0.5b"][1], ".2f")
value("large_bits", pulled["qwen2.5:7b"][1], ".2f")

# %% vllm
show_sheet(read_sheet(Path("docs/tools/vllm.toml")), "vllm", clients)

# %% llama-cpp
show_sheet(read_sheet(Path("docs/tools/llama-cpp.toml")), "llama-cpp", clients)

# %% levels
from membound.page.tables import table
from membound.quant.blocks import bits_per_weight

README = "[llama.cpp](https://github.com/ggml-org/llama.cpp/blob/master/tools/quantize/README.md)"
weights = 8_030_261_248  # of Llama-3.1-8B
levels = {  # block, bits of the whole model, GiB, perplexity more than f16's
    "Q2_K": ("Q2_K", 3.1593, 2.95, 3.519934),
    "Q3_K_M": ("Q3_K", 3.9960, 3.74, 0.656864),
    "Q4_K_M": ("Q4_K", 4.8944, 4.58, 0.175482),
    "Q5_K_M": ("Q5_K", 5.7036, 5.33, 0.056974),
    "Q6_K": ("Q6_K", 6.5633, 6.14, 0.021748),
    "Q8_0": ("Q8_0", 8.5008, 7.95, 0.002650),
}
table(
    {
        "type": "",
        "bits in its block": ".4g",
        "bits per weight": ".2f",
        "8B model, GB": ".2f",
        "perplexity, more than f16": "+.3f",
    },
    [
        (
            fill("{name}", name=name),
            bits_per_weight(block),
            bits,
            weights * bits / 8e9,
            worse,
        )
        for name, (block, bits, _, worse) in levels.items()
    ],
)
for name, (_, bits, gib, _) in levels.items():
    check(
        fill("GiB of Llama-3.1-8B as {name}", name=name),
        computed(weights * bits / 8 / 2**30),
        published(gib, README),
        within=0.006,
        spec=".3f",
    )
value("q2_block", bits_per_weight("Q2_K"), ".3f")
value("q2_whole", levels["Q2_K"][1], ".2f")
value("q4_block", bits_per_weight("Q4_K"), ".1f")
value("q4_whole", levels["Q4_K_M"][1], ".2f")
value("q8_block", bits_per_weight("Q8_0"), ".1f")

# %% tensorrt-llm
show_sheet(
    read_sheet(Path("docs/tools/tensorrt-llm.toml")), "tensorrt-llm", clients
)

# %% sglang
show_sheet(read_sheet(Path("docs/tools/sglang.toml")), "sglang", clients)

# %% transformers
show_sheet(
    read_sheet(Path("docs/tools/transformers.toml")), "transformers", clients
)

# %% mlx-lm
show_sheet(read_sheet(Path("docs/tools/mlx-lm.toml")), "mlx-lm", clients)

# %% lmdeploy
show_sheet(read_sheet(Path("docs/tools/lmdeploy.toml")), "lmdeploy", clients)

# %% exllamav3
show_sheet(read_sheet(Path("docs/tools/exllamav3.toml")), "exllamav3", clients)

# %% ktransformers
show_sheet(
    read_sheet(Path("docs/tools/ktransformers.toml")), "ktransformers", clients
)

# %% llama-cpp-python
show_sheet(
    read_sheet(Path("docs/tools/llama-cpp-python.toml")),
    "llama-cpp-python",
    clients,
)

# %% dynamo
show_sheet(read_sheet(Path("docs/tools/dynamo.toml")), "dynamo", clients)

# %% tgi
show_sheet(read_sheet(Path("docs/tools/tgi.toml")), "tgi", clients)
