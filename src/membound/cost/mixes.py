"""Which type llama.cpp gives each tensor of a file: `Q4_K_M` names a mix, not a format.

src/llama-quant.cpp in llama.cpp@0c1e57098, without an importance matrix, for the architectures of
`spec`: the rules are theirs, learnt from a program and not from a law, and change with it. The
mixes of 1 and 2 bits and IQ3_XXS need that matrix, and are not here.
"""

from types import MappingProxyType

from membound.cost.spec import ModelSpec
from membound.cost.tensors import Tensor
from membound.gguf.spec import TENSOR_TYPES

# A mix, and the type of most of its matrices.
MIXES = MappingProxyType(
    {
        "F32": "F32", "F16": "F16", "BF16": "BF16", "Q8_0": "Q8_0", "Q6_K": "Q6_K",
        "Q5_K_M": "Q5_K", "Q5_K_S": "Q5_K", "Q5_1": "Q5_1", "Q5_0": "Q5_0",
        "Q4_K_M": "Q4_K", "Q4_K_S": "Q4_K", "Q4_1": "Q4_1", "Q4_0": "Q4_0",
        "IQ4_NL": "IQ4_NL", "IQ4_XS": "IQ4_XS", "IQ3_M": "IQ3_S", "IQ3_S": "IQ3_S",
        "Q3_K_L": "Q3_K", "Q3_K_M": "Q3_K", "Q3_K_S": "Q3_K", "Q2_K": "Q2_K",
        "MXFP4_MOE": "MXFP4",
    }
)  # fmt: skip
TYPES = MappingProxyType({known.name: known for known in TENSOR_TYPES.values()})
PLAIN = ("F32", "F16", "BF16")

# Where a row is no whole number of 256-blocks.
FALLBACKS = MappingProxyType(
    {
        "IQ3_S": "IQ4_NL", "IQ4_XS": "IQ4_NL", "Q2_K": "Q4_0", "Q3_K": "Q4_0",
        "Q4_K": "Q5_0", "Q5_K": "Q5_1", "Q6_K": "Q8_0",
    }
)  # fmt: skip


def tensor_bytes(tensor: Tensor, type_name: str) -> int:
    """The bytes of a tensor in one type; a row that is no whole number of blocks is refused."""
    known = TYPES[type_name]
    if tensor.shape[-1] % known.block_size:
        raise ValueError(
            f"{tensor.name}: rows of {type_name} must be whole blocks of {known.block_size}, got "
            f"{tensor.shape[-1]}"
        )
    return tensor.num_weights // known.block_size * known.type_size


def mix_type(spec: ModelSpec, tensor: Tensor, mix: str) -> str:
    """The name of the type that a file of this mix stores a tensor in."""
    if mix not in MIXES:
        raise ValueError(f"mix must be one of {', '.join(MIXES)}, got {mix!r}")
    if not _is_quantised(tensor):
        return "F32"
    if mix in PLAIN:
        return mix
    return _fitting(_chosen_type(spec, tensor, mix), tensor.shape[-1])


def _is_quantised(tensor: Tensor) -> bool:
    """Matrices are, but for the router's; norms, biases and other vectors stay float32."""
    is_matrix = len(tensor.shape) > 1 and tensor.name.endswith(".weight")
    return is_matrix and not tensor.name.endswith("ffn_gate_inp.weight")


def _fitting(type_name: str, row: int) -> str:
    if row % TYPES[type_name].block_size == 0:
        return type_name
    fallback = FALLBACKS.get(type_name, "F16")
    return fallback if row % TYPES[fallback].block_size == 0 else "F16"


def _chosen_type(spec: ModelSpec, tensor: Tensor, mix: str) -> str:
    base, row = MIXES[mix], tensor.shape[-1]
    part = tensor.name.split(".")[-2]
    if part == "output" or (part == "token_embd" and spec.tied_embeddings):
        if mix in ("MXFP4_MOE", "Q8_0") or row % TYPES[base].block_size:
            return "Q8_0"
        return "Q6_K"
    if mix == "MXFP4_MOE":  # attn_k_b and attn_v_b of MLA have three dimensions too
        return "MXFP4" if len(tensor.shape) > 2 else "Q8_0"
    if part == "attn_v":
        return _value_type(spec, tensor.layer, mix)
    if part == "attn_k":
        return "Q8_0" if spec.num_experts == 8 else base
    if part.startswith("ffn_down"):
        return _down_type(spec, tensor.layer, mix)
    if part == "attn_output":
        return _attention_output_type(spec, mix)
    return base


def _value_type(spec: ModelSpec, layer: int, mix: str) -> str:
    if spec.num_experts == 8:
        return "Q8_0"
    chosen, group = MIXES[mix], spec.num_heads // spec.num_kv_heads
    if mix == "Q2_K":
        chosen = "Q4_K" if group >= 4 else "Q3_K"
    elif mix == "Q3_K_M":
        chosen = "Q5_K" if layer < 2 else "Q4_K"
    elif mix == "Q3_K_L" or (mix in ("IQ4_NL", "IQ4_XS") and group >= 4):
        chosen = "Q5_K"
    elif mix == "IQ3_M" or (mix == "IQ3_S" and group >= 4):
        chosen = "Q4_K"
    elif mix in ("Q4_K_M", "Q5_K_M") and _more_bits(layer, spec.num_layers):
        chosen = "Q6_K"
    elif mix == "Q4_K_S" and layer < 4:
        chosen = "Q5_K"
    is_70b = spec.num_layers == 80 and group > 1 and spec.architecture in ("llama", "qwen2")
    return "Q5_K" if is_70b and chosen in ("Q3_K", "Q4_K") else chosen


def _down_type(spec: ModelSpec, layer: int, mix: str) -> str:
    first = layer < spec.num_layers // 8
    more = _more_bits(layer, spec.num_layers)
    if mix == "Q2_K":
        return "Q3_K"
    if mix == "Q3_K_M":
        return "Q5_K" if layer < spec.num_layers // 16 else "Q4_K"
    if mix == "Q3_K_L" or (mix in ("IQ4_NL", "IQ4_XS", "Q4_K_S") and first):
        return "Q5_K"
    if mix in ("Q4_K_M", "Q5_K_M") and more:
        return "Q6_K"
    if mix == "IQ3_M" and (first or (spec.num_experts == 8 and more)):
        return "Q4_K"
    return MIXES[mix]


def _attention_output_type(spec: ModelSpec, mix: str) -> str:
    if spec.num_experts == 8:
        raised = (
            "Q2_K",
            "Q3_K_S",
            "Q3_K_M",
            "IQ4_NL",
            "IQ4_XS",
            "Q4_K_S",
            "Q4_K_M",
            "IQ3_S",
            "IQ3_M",
        )
        return "Q5_K" if mix in raised else MIXES[mix]
    raised = {"Q2_K": "Q3_K", "Q3_K_M": "Q4_K", "Q3_K_L": "Q5_K", "IQ3_M": "Q4_K"}
    return raised.get(mix, MIXES[mix])


def _more_bits(layer: int, num_layers: int) -> bool:
    """The first and the last eighth of the layers, and every third between."""
    eighth = num_layers // 8
    return layer < eighth or layer >= 7 * num_layers // 8 or (layer - eighth) % 3 == 2
