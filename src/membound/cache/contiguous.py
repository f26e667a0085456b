"""A cache whose room is taken once: new keys and values are written in place.

Unlike `concatenated` it never copies the past, at the price of room for tokens that may not come.
"""

import numpy as np
from numpy.typing import DTypeLike

from membound.arrays import Float32


class ContiguousCache:
    """Room for `capacity` tokens of one sequence.

    For each layer one array (num_kv_heads, capacity, head_dim) of keys and one of values: a head's
    keys lie side by side in memory, in the order in which attention reads them. `dtype` is how
    they are stored: float16 halves the room, and rounds.
    """

    def __init__(
        self,
        num_layers: int,
        num_kv_heads: int,
        head_dim: int,
        capacity: int,
        *,
        dtype: DTypeLike = np.float32,
    ):
        shape = (num_layers, num_kv_heads, capacity, head_dim)
        if min(shape) < 1:
            raise ValueError(
                f"num_layers, num_kv_heads, capacity and head_dim must be positive, got {shape}"
            )
        self._keys = np.zeros(shape, dtype)
        self._values = np.zeros(shape, dtype)
        self._num_tokens = 0

    @property
    def num_tokens(self) -> int:
        """How many tokens have passed."""
        return self._num_tokens

    @property
    def capacity(self) -> int:
        """How many tokens there is room for."""
        return self._keys.shape[2]

    @property
    def nbytes(self) -> int:
        """2 · num_layers · num_kv_heads · head_dim · capacity numbers, filled or not."""
        return self._keys.nbytes + self._values.nbytes

    def append(self, layer: int, k: Float32, v: Float32) -> tuple[Float32, Float32]:
        """Write `k`, `v` (num_kv_heads, T, head_dim) behind the past; return views of it all."""
        start, end = self._num_tokens, self._num_tokens + k.shape[1]
        if end > self.capacity:
            raise ValueError(
                f"{k.shape[1]} new tokens after {start} exceed capacity {self.capacity}"
            )
        keys, values = self._keys[layer], self._values[layer]
        keys[:, start:end] = k
        values[:, start:end] = v
        return keys[:, :end], values[:, :end]

    def visible(self, num_new: int) -> None:
        """None: attention is causal."""

    def advance(self, num_new: int) -> None:
        """Count tokens that every layer has appended."""
        assert self._num_tokens + num_new <= self.capacity
        self._num_tokens += num_new

    def truncate(self, num_tokens: int) -> None:
        """Forget all but the first `num_tokens` tokens; the room stays."""
        if not 0 <= num_tokens <= self._num_tokens:
            raise ValueError(f"can keep 0 to {self._num_tokens} tokens, got {num_tokens}")
        self._num_tokens = num_tokens
