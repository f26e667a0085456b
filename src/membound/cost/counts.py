"""Operations and bytes of one pass, by kind of layer: where the work of prefill and decode is."""

from collections import defaultdict

from membound.cost import formulas
from membound.cost.kv import KVPolicy
from membound.cost.spec import ModelSpec
from membound.cost.tensors import Tensor
from membound.cost.weights import sized_tensors
from membound.matmuls import Work

KINDS = ("projections", "attention", "feed-forward", "experts", "router", "output", "norms")


def work_by_kind(
    spec: ModelSpec,
    format_name: str,
    policy: KVPolicy,
    *,
    tokens: int,
    before: int = 0,
    num_sequences: int = 1,
) -> dict[str, Work]:
    """A pass of `tokens` new tokens of each sequence, with `before` cached; logits of the last.

    Bytes are weights read once and the cache read (decode) or written (prefill) once; activations
    are left out. "projections" are the matrices around attention, "attention" is scores, weighted
    sum and cache. A decode step of MLA meets the latent vectors themselves.
    """
    flops, num_bytes = defaultdict(float), defaultdict(float)
    rows = float(tokens * num_sequences)
    for tensor, size in sized_tensors(spec, format_name):
        kind = _kind(tensor, spec)
        if kind is None:
            continue
        is_matrix = len(tensor.shape) > 1 and tensor.name.endswith(".weight")
        if kind == "experts":
            share = spec.experts_per_token / spec.num_experts
            touched = formulas.experts_touched(
                float(spec.num_experts), float(spec.experts_per_token), rows
            )
            num_bytes[kind] += size * touched / spec.num_experts
            flops[kind] += 2 * tensor.num_weights * share * rows * is_matrix
            continue
        num_bytes[kind] += size
        count = num_sequences if kind == "output" else rows
        flops[kind] += 2 * tensor.num_weights * count * is_matrix
    flops["attention"], num_bytes["attention"] = _attention(
        spec, policy, tokens, before, num_sequences
    )
    return {kind: Work(flops[kind], num_bytes[kind]) for kind in KINDS if num_bytes[kind]}


def totals(work: dict[str, Work]) -> Work:
    """All kinds together."""
    return sum(work.values(), start=Work(0, 0))


def _kind(tensor: Tensor, spec: ModelSpec) -> str | None:
    part = tensor.name.split(".")[-2]
    if part == "token_embd":
        return "output" if spec.tied_embeddings else None  # else a row is looked up
    if part == "output":
        return "output"
    if part.endswith("norm"):
        return "norms"
    if part.startswith("attn"):
        return "projections"
    if tensor.is_routed:
        return "experts"
    return "router" if part in ("ffn_gate_inp", "exp_probs_b") else "feed-forward"


def _attention(
    spec: ModelSpec, policy: KVPolicy, tokens: int, before: int, num_sequences: int
) -> tuple[float, float]:
    key_dim, value_dim = spec.decode_dims if tokens == 1 else (spec.head_dim, spec.value_dim)
    layers = (float(spec.num_full_layers), float(spec.num_window_layers), float(spec.window))
    flops = formulas.attention_flops(
        float(spec.num_heads),
        float(key_dim),
        float(value_dim),
        *layers,
        float(tokens),
        float(before),
    )
    cached = formulas.kv_bytes(policy.layer_bytes(spec), *layers, float(before + tokens))
    return num_sequences * flops, num_sequences * cached


def decode_intensity(heads_per_kv_head: float, bytes_per_number: float) -> float:
    """Operations per byte of decode attention: 2 per number read and query head that shares it.

    It does not depend on context or batch, which is why batching does not help attention.
    """
    return 2.0 * heads_per_kv_head / bytes_per_number
