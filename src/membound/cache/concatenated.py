"""A cache grown by concatenation: each step copies the whole past to add one token.

For n tokens, one at a time, 1 + 2 + ... + n = n(n + 1)/2 tokens' keys and values are written in
each layer where `contiguous` writes n. `bytes_copied` counts the past ones as they are copied.
"""

import numpy as np

from membound.arrays import Float32


class ConcatenatedCache:
    """A cache without a capacity, holding exactly the tokens that have passed."""

    capacity = None

    def __init__(self, num_layers: int, num_kv_heads: int, head_dim: int):
        empty = np.zeros((num_kv_heads, 0, head_dim), np.float32)
        self._keys = [empty] * num_layers
        self._values = [empty] * num_layers
        self._num_tokens = 0
        self.bytes_copied = 0

    @property
    def num_tokens(self) -> int:
        """How many tokens have passed."""
        return self._num_tokens

    @property
    def nbytes(self) -> int:
        """The bytes of all keys and values."""
        return sum(kept.nbytes for kept in self._keys + self._values)

    def append(self, layer: int, k: Float32, v: Float32) -> tuple[Float32, Float32]:
        """Put `k`, `v` (num_kv_heads, T, head_dim) behind a fresh copy of the past."""
        self._keys[layer] = self._grow(self._keys[layer], k)
        self._values[layer] = self._grow(self._values[layer], v)
        return self._keys[layer], self._values[layer]

    def visible(self, num_new: int) -> None:
        """None: attention is causal."""

    def advance(self, num_new: int) -> None:
        """Count tokens that every layer has appended."""
        self._num_tokens += num_new

    def truncate(self, num_tokens: int) -> None:
        """Forget all but the first `num_tokens` tokens."""
        if not 0 <= num_tokens <= self._num_tokens:
            raise ValueError(f"can keep 0 to {self._num_tokens} tokens, got {num_tokens}")
        self._num_tokens = num_tokens
        self._keys = [kept[:, :num_tokens] for kept in self._keys]
        self._values = [kept[:, :num_tokens] for kept in self._values]

    def _grow(self, kept: Float32, new: Float32) -> Float32:
        past = kept[:, : self._num_tokens]
        self.bytes_copied += past.nbytes
        return np.concatenate([past, new], axis=1)
