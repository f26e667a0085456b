"""The sizes of a Llama-family model, read from GGUF metadata and checked once.

Key names: docs/gguf.md@ggml, section "LLM".
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from membound.quoted import quote, whole

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
                raise ValueError(f"{name} must be a whole number, got {quote(value)}")
            if not 0 < value < math.inf:
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
        if not (isinstance(architecture, str) and architecture == ARCHITECTURE):
            raise ValueError(
                f"general.architecture must be {ARCHITECTURE!r}, the only one this library "
                f"computes: got {quote(architecture)}"
            )
        scaling = metadata.get("llama.rope.scaling.type", "none")
        if not (isinstance(scaling, str) and scaling == "none"):
            raise ValueError(f"llama.rope.scaling.type must be 'none', got {quote(scaling)}")

        num_heads = _whole(metadata, "llama.attention.head_count")
        hidden_size = _whole(metadata, "llama.embedding_length")
        return cls(
            vocab_size=_count(metadata, "tokenizer.ggml.tokens"),
            hidden_size=hidden_size,
            intermediate_size=_whole(metadata, "llama.feed_forward_length"),
            num_layers=_whole(metadata, "llama.block_count"),
            num_heads=num_heads,
            num_kv_heads=_whole(metadata, "llama.attention.head_count_kv", num_heads),
            head_dim=_head_dim(metadata, hidden_size, num_heads),
            context_length=_whole(metadata, "llama.context_length"),
            rope_base=_positive(metadata, "llama.rope.freq_base", 10_000.0),
            norm_eps=_positive(metadata, "llama.attention.layer_norm_rms_epsilon"),
        )


def _read(metadata: Mapping[str, Any], key: str, default: Any = None) -> Any:
    if key not in metadata and default is None:
        raise ValueError(f"the metadata has no {key}, which a {ARCHITECTURE} model needs")
    return metadata.get(key, default)


def _whole(metadata: Mapping[str, Any], key: str, default: int | None = None) -> int:
    return whole({key: _read(metadata, key, default)}, key)


def _positive(metadata: Mapping[str, Any], key: str, default: float | None = None) -> float:
    value = _read(metadata, key, default)
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not (is_number and 0 < value < math.inf):
        raise ValueError(f"{key} must be a positive number, got {quote(value)}")
    return value


def _count(metadata: Mapping[str, Any], key: str) -> int:
    value = _read(metadata, key)
    if not isinstance(value, list):
        raise ValueError(f"{key} must be a list of strings, got {quote(value)}")
    return len(value)


def _head_dim(metadata: Mapping[str, Any], hidden_size: int, num_heads: int) -> int:
    """The width of a head; a model whose keys, values or rotation differ in it is refused."""
    if "llama.attention.key_length" in metadata:
        head_dim = _whole(metadata, "llama.attention.key_length")
    else:
        if hidden_size % num_heads:
            raise ValueError(
                f"llama.embedding_length must split evenly into llama.attention.head_count heads "
                f"where no llama.attention.key_length is given: got {hidden_size} and {num_heads}"
            )
        head_dim = hidden_size // num_heads
    for key in ("llama.attention.value_length", "llama.rope.dimension_count"):
        if _whole(metadata, key, head_dim) != head_dim:
            raise ValueError(f"{key} must equal the head_dim {head_dim}, got {metadata[key]}")
    return head_dim
