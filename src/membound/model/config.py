"""The sizes of a Llama-family model, read from GGUF metadata and checked once.

Key names: docs/gguf.md@ggml, section "LLM".
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

ARCHITECTURE = "llama"


@dataclass(frozen=True)
class ModelConfig:
    """The numbers that fix every shape of the model; a set that cannot be built is refused."""

    vocab_size: int
    hidden_size: int
    intermediate_size: int
    num_layers: int
    num_heads: int
    num_kv_heads: int
    head_dim: int
    context_length: int
    rope_base: float = 10_000.0
    norm_eps: float = 1e-5

    def __post_init__(self):
        for name, value in vars(self).items():
            if name not in ("rope_base", "norm_eps") and not isinstance(value, int):
                raise ValueError(f"{name} must be a whole number, got {value!r}")
            if not value > 0:
                raise ValueError(f"{name} must be positive, got {value}")
        if self.num_heads % self.num_kv_heads:
            raise ValueError(
                f"num_heads must be a multiple of num_kv_heads, so that each key and value head "
                f"serves equally many query heads: got {self.num_heads} and {self.num_kv_heads}"
            )
        if self.head_dim % 2:
            raise ValueError(f"head_dim must be even to rotate in pairs, got {self.head_dim}")

    @property
    def query_size(self) -> int:
        """The width of all query heads side by side."""
        return self.num_heads * self.head_dim

    @property
    def kv_size(self) -> int:
        """The width of all key heads side by side, or of all value heads."""
        return self.num_kv_heads * self.head_dim

    @classmethod
    def from_metadata(cls, metadata: Mapping[str, Any]) -> Self:
        """Read the sizes of a Llama-architecture model; a missing or unusable key is named."""
        architecture = metadata.get("general.architecture")
        if architecture != ARCHITECTURE:
            raise ValueError(
                f"general.architecture must be {ARCHITECTURE!r}, the only one this library "
                f"computes: got {architecture!r}"
            )
        scaling = metadata.get("llama.rope.scaling.type", "none")
        if scaling != "none":
            raise ValueError(f"llama.rope.scaling.type must be 'none', got {scaling!r}")

        num_heads = _required(metadata, "llama.attention.head_count")
        hidden_size = _required(metadata, "llama.embedding_length")
        return cls(
            vocab_size=len(_required(metadata, "tokenizer.ggml.tokens")),
            hidden_size=hidden_size,
            intermediate_size=_required(metadata, "llama.feed_forward_length"),
            num_layers=_required(metadata, "llama.block_count"),
            num_heads=num_heads,
            num_kv_heads=metadata.get("llama.attention.head_count_kv", num_heads),
            head_dim=_head_dim(metadata, hidden_size, num_heads),
            context_length=_required(metadata, "llama.context_length"),
            rope_base=metadata.get("llama.rope.freq_base", 10_000.0),
            norm_eps=_required(metadata, "llama.attention.layer_norm_rms_epsilon"),
        )


def _required(metadata: Mapping[str, Any], key: str) -> Any:
    if key not in metadata:
        raise ValueError(f"the metadata has no {key}, which a {ARCHITECTURE} model needs")
    return metadata[key]


def _head_dim(metadata: Mapping[str, Any], hidden_size: int, num_heads: int) -> int:
    """The width of a head; a model whose keys, values or rotation differ in it is refused."""
    head_dim = metadata.get("llama.attention.key_length")
    if head_dim is None:
        if hidden_size % max(num_heads, 1):
            raise ValueError(
                f"llama.embedding_length must split evenly into llama.attention.head_count heads "
                f"where no llama.attention.key_length is given: got {hidden_size} and {num_heads}"
            )
        head_dim = hidden_size // max(num_heads, 1)
    for key in ("llama.attention.value_length", "llama.rope.dimension_count"):
        if metadata.get(key, head_dim) != head_dim:
            raise ValueError(f"{key} must equal the head_dim {head_dim}, got {metadata[key]}")
    return head_dim
