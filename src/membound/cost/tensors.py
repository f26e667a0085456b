"""Every tensor of a model, from its shapes alone, under the names that GGUF gives them.

src/models/*.cpp in llama.cpp@0c1e57098 say which there are. Left out is `rope_freqs.weight`, a
table of at most 256 bytes and no parameter.
"""

import math
from collections.abc import Iterator
from typing import NamedTuple

from membound.cost.spec import ModelSpec


class Tensor(NamedTuple):
    """A name and a shape, rows first; the last number is the length of a row."""

    name: str
    shape: tuple[int, ...]

    @property
    def num_weights(self) -> int:
        """How many numbers it holds."""
        return math.prod(self.shape)

    @property
    def is_routed(self) -> bool:
        """Whether it holds the experts of a layer, of which a token uses some."""
        return "_exps." in self.name

    @property
    def layer(self) -> int:
        """Its layer, from 0; -1 for what lies outside of them."""
        return int(self.name.split(".")[1]) if self.name.startswith("blk.") else -1


def model_tensors(spec: ModelSpec) -> Iterator[Tensor]:
    """All tensors of the model; their sizes add up to its number of parameters."""
    hidden = spec.hidden_size
    yield Tensor("token_embd.weight", (spec.vocab_size, hidden))
    yield Tensor("output_norm.weight", (hidden,))
    if not spec.tied_embeddings:
        yield Tensor("output.weight", (spec.vocab_size, hidden))
    for layer in range(spec.num_layers):
        attention = _latent_attention(spec) if spec.is_mla else _attention(spec)
        routed = spec.num_experts and layer >= spec.num_dense_layers
        feed_forward = _experts(spec) if routed else _feed_forward(spec)
        for part in (attention, feed_forward):
            for name, shape in part:
                yield Tensor(f"blk.{layer}.{name}", shape)


Part = Iterator[tuple[str, tuple[int, ...]]]


def _attention(spec: ModelSpec) -> Part:
    hidden = spec.hidden_size
    query_size = spec.num_heads * spec.head_dim
    sizes = {
        "attn_q": query_size,
        "attn_k": spec.num_kv_heads * spec.head_dim,
        "attn_v": spec.num_kv_heads * spec.value_dim,
    }
    yield "attn_norm.weight", (hidden,)
    for name, size in sizes.items():
        yield f"{name}.weight", (size, hidden)
        if spec.architecture in ("qwen2", "gpt-oss"):
            yield f"{name}.bias", (size,)
    yield "attn_output.weight", (hidden, spec.num_heads * spec.value_dim)
    if spec.architecture == "gpt-oss":
        yield "attn_output.bias", (hidden,)
        yield "attn_sinks.weight", (spec.num_heads,)
    if spec.architecture in ("qwen3", "qwen3moe", "gemma3"):
        yield "attn_q_norm.weight", (spec.head_dim,)
        yield "attn_k_norm.weight", (spec.head_dim,)
    if spec.architecture in ("gemma2", "gemma3"):
        yield "post_attention_norm.weight", (hidden,)


def _latent_attention(spec: ModelSpec) -> Part:
    hidden, rank = spec.hidden_size, spec.kv_lora_rank
    query_size = spec.num_heads * spec.head_dim
    yield "attn_norm.weight", (hidden,)
    if spec.q_lora_rank:
        yield "attn_q_a.weight", (spec.q_lora_rank, hidden)
        yield "attn_q_a_norm.weight", (spec.q_lora_rank,)
        yield "attn_q_b.weight", (query_size, spec.q_lora_rank)
    else:
        yield "attn_q.weight", (query_size, hidden)
    yield "attn_kv_a_mqa.weight", (rank + spec.rope_head_dim, hidden)
    yield "attn_kv_a_norm.weight", (rank,)
    yield "attn_k_b.weight", (spec.num_heads, rank, spec.head_dim - spec.rope_head_dim)
    yield "attn_v_b.weight", (spec.num_heads, spec.value_dim, rank)
    yield "attn_output.weight", (hidden, spec.num_heads * spec.value_dim)


def _feed_forward(spec: ModelSpec) -> Part:
    yield "ffn_norm.weight", (spec.hidden_size,)
    yield from _gated("", spec.intermediate_size, spec.hidden_size)
    if spec.architecture in ("gemma2", "gemma3"):
        yield "post_ffw_norm.weight", (spec.hidden_size,)


def _experts(spec: ModelSpec) -> Part:
    hidden, count, size = spec.hidden_size, spec.num_experts, spec.expert_size
    norm = "post_attention_norm" if spec.architecture == "gpt-oss" else "ffn_norm"
    yield f"{norm}.weight", (hidden,)
    yield "ffn_gate_inp.weight", (count, hidden)
    for name, shape in _gated("_exps", size, hidden):
        yield name, (count, *shape)
    if spec.architecture == "gpt-oss":
        yield "ffn_gate_inp.bias", (count,)
        for name, width in (("gate", size), ("up", size), ("down", hidden)):
            yield f"ffn_{name}_exps.bias", (count, width)
    if spec.router_bias:
        yield "exp_probs_b.bias", (count,)
    if spec.num_shared_experts:
        yield from _gated("_shexp", spec.num_shared_experts * size, hidden)


def _gated(suffix: str, size: int, hidden: int) -> Part:
    yield f"ffn_gate{suffix}.weight", (size, hidden)
    yield f"ffn_up{suffix}.weight", (size, hidden)
    yield f"ffn_down{suffix}.weight", (hidden, size)
