"""The bytes of a model's weights in a format, and which of them a pass reads.

Formats in capitals are llama.cpp's mixes (`mixes`), tensor by tensor. The others are checkpoints
as vLLM and its kin load them: the matrices of the layers in few bits, all else in 16.
"""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from types import MappingProxyType

from membound.cost.mixes import MIXES, mix_type, tensor_bytes
from membound.cost.spec import ModelSpec
from membound.cost.tensors import Tensor, model_tensors

# Bits of a weight in the matrices of the layers, scales included; they are stated, not measured.
CHECKPOINT_BITS = MappingProxyType(
    {
        "f32": 32.0,
        "bf16": 16.0,
        "fp8": 8.0,  # one scale per tensor, per row or per 128x128 block: under 0.01 bits
        "int8": 8.0,  # the same
        "int4": 4 + (16 + 4) / 128,  # AWQ, GPTQ: groups of 128 with an fp16 scale and a 4-bit zero
        "nvfp4": 4.5,  # blocks of 16 with an 8-bit scale
        "mxfp4": 4.25,  # blocks of 32 with an 8-bit scale, in the experts alone (gpt-oss)
    }
)
FORMATS = (*CHECKPOINT_BITS, *(mix for mix in MIXES if mix.lower() not in CHECKPOINT_BITS))


@dataclass(frozen=True)
class Weights:
    """Weights in a format, in bytes: all of them, and what a pass need not read.

    `expert_bytes` belong to routed experts, of which a token reads its own; of
    `looked_up_bytes`, the embedding of an untied model, it reads one row. `matmul_weights` are the
    numbers that a token is multiplied with in the layers, `head_weights` those of the output
    matrix; `active_params` are shared weights and a token's own experts. Papers count so too, but
    some without the embedding.
    """

    format: str
    num_params: int
    active_params: int
    matmul_weights: int
    head_weights: int
    total_bytes: float
    expert_bytes: float
    looked_up_bytes: float
    source: str

    @property
    def bits_per_weight(self) -> float:
        """Of the whole model, its float32 norms included."""
        return self.total_bytes * 8 / self.num_params

    @property
    def shared_bytes(self) -> float:
        """What every pass reads, whatever its tokens."""
        return self.total_bytes - self.expert_bytes - self.looked_up_bytes


def model_weights(spec: ModelSpec, format_name: str) -> Weights:
    """The weights of a model in one of `FORMATS`, in capitals or not."""
    name = find_format(format_name)
    source = "bits per weight of the format"
    if name not in CHECKPOINT_BITS:
        source = "the rules of llama-quantize, llama.cpp@0c1e57098"
    return sum_weights(spec, sized_tensors(spec, name), name, source)


def sized_tensors(spec: ModelSpec, format_name: str) -> Iterator[tuple[Tensor, float]]:
    """Every tensor of a model with its bytes in one of `FORMATS`."""
    name = find_format(format_name)
    if name == "mxfp4" and not spec.num_experts:
        raise ValueError("mxfp4 is a format of experts, and this model has none: bf16 would fit it")
    for tensor in model_tensors(spec):
        if name in CHECKPOINT_BITS:
            yield tensor, _checkpoint_bytes(tensor, name)
        else:
            yield tensor, tensor_bytes(tensor, mix_type(spec, tensor, name))


def find_format(format_name: str) -> str:
    """The name of a format as `FORMATS` spells it."""
    known = {name.upper(): name for name in FORMATS}
    if format_name.upper() not in known:
        raise ValueError(f"weights must be one of {', '.join(FORMATS)}; got {format_name!r}")
    return known[format_name.upper()]


def sum_weights(
    spec: ModelSpec, sized: Iterable[tuple[Tensor, float]], name: str, source: str
) -> Weights:
    """Add up tensors with their bytes, wherever these come from."""
    num_params = active = matmul = head = 0
    total = expert = looked_up = 0.0
    tied = True
    for tensor, num_bytes in sized:
        count = tensor.num_weights
        num_params, total = num_params + count, total + num_bytes
        if tensor.name == "token_embd.weight":
            embedding, looked_up = count, num_bytes
            active += count
            continue
        if tensor.name == "output.weight":
            tied, head = False, count
        if tensor.is_routed:
            expert += num_bytes
            count = count * spec.experts_per_token // spec.num_experts
        active += count
        if tensor.layer >= 0 and len(tensor.shape) > 1 and not tensor.name.endswith(".bias"):
            matmul += count
    if tied:  # then the embedding is the output matrix as well, and every pass reads all of it
        head, looked_up = embedding, 0.0
    return Weights(
        format=name,
        num_params=num_params,
        active_params=active,
        matmul_weights=matmul,
        head_weights=head,
        total_bytes=total,
        expert_bytes=expert,
        looked_up_bytes=looked_up,
        source=source,
    )


def _checkpoint_bytes(tensor: Tensor, name: str) -> float:
    bits = CHECKPOINT_BITS[name]
    quantised = _is_layer_matrix(tensor) and (name != "mxfp4" or tensor.is_routed)
    return tensor.num_weights * (bits if quantised else max(16.0, bits)) / 8


def _is_layer_matrix(tensor: Tensor) -> bool:
    """A linear layer of the model; its router, norms and biases stay as they are."""
    is_matrix = tensor.layer >= 0 and len(tensor.shape) > 1 and tensor.name.endswith(".weight")
    return is_matrix and "ffn_gate_inp" not in tensor.name


def num_params(spec: ModelSpec) -> int:
    """All parameters of the model."""
    return sum(math.prod(tensor.shape) for tensor in model_tensors(spec))
