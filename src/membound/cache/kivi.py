"""KIVI: old keys per channel, old values per token, in 2 or 4 bits; recent tokens in float16.

A key channel's line needs a whole group of tokens, so new keys wait in float16 until there are
`residual` of them; then all are quantised at once. Of the values the last `residual` stay, and one
is quantised whenever one comes. New tokens are attended to as they are: a prompt is processed in
full precision, and its codes matter only for what follows. Liu et al., "KIVI" (arXiv 2402.02750),
algorithm 1, whose R is our `residual` and whose G our `group_size`.

Nothing of this can be undone: see `truncate`.
"""

from dataclasses import dataclass

import numpy as np

from membound.arrays import Array, Float32
from membound.quant.integer import QuantizedArray
from membound.quant.kv import (
    concatenate,
    quantize_per_channel,
    quantize_per_token,
    read_per_channel,
    read_per_token,
)


@dataclass(frozen=True)
class Layer:
    """One layer's tokens: `old_*` in codes, then `recent_*` (num_kv_heads, n, head_dim)."""

    old_keys: QuantizedArray | None
    recent_keys: Array
    old_values: QuantizedArray | None
    recent_values: Array

    @property
    def nbytes(self) -> int:
        """The bytes of all four."""
        return sum(part.nbytes for part in vars(self).values() if part is not None)

    def read(self) -> tuple[Float32, Float32]:
        """All keys and all values (num_kv_heads, num_tokens, head_dim) in float32."""
        keys, values = self.recent_keys.astype(np.float32), self.recent_values.astype(np.float32)
        if self.old_keys is not None:
            keys = np.concatenate([read_per_channel(self.old_keys), keys], axis=1)
        if self.old_values is not None:
            values = np.concatenate([read_per_token(self.old_values), values], axis=1)
        return keys, values


def join(old: QuantizedArray | None, new: QuantizedArray) -> QuantizedArray:
    """Lay `new` behind `old`, if there is any."""
    return new if old is None else concatenate(old, new)


class KiviCache:
    """A cache whose old keys and values take `bits` and a share of a float16 line."""

    capacity = None

    def __init__(
        self,
        num_layers: int,
        num_kv_heads: int,
        head_dim: int,
        *,
        bits: int = 2,
        group_size: int = 32,
        residual: int = 128,
    ):
        if residual < 1 or residual % group_size or head_dim % group_size:
            raise ValueError(
                f"residual and head_dim must be multiples of group_size {group_size}: "
                f"got {residual} and {head_dim}"
            )
        none = np.zeros((num_kv_heads, 0, head_dim), np.float16)
        self._empty = [Layer(None, none, None, none)] * num_layers
        self._layers = list(self._empty)
        self._new: dict[int, tuple[Array, Array]] = {}  # copies, by layer, until `advance`
        self._bits, self._group_size, self._residual = bits, group_size, residual
        self._num_tokens = 0

    @property
    def num_tokens(self) -> int:
        """How many tokens have passed."""
        return self._num_tokens

    @property
    def nbytes(self) -> int:
        """The bytes of all codes, lines and recent tokens."""
        return sum(layer.nbytes for layer in self._layers)

    def append(self, layer: int, k: Float32, v: Float32) -> tuple[Float32, Float32]:
        """Take `k`, `v` (num_kv_heads, T, head_dim); return the past as it is kept, then these."""
        self._new[layer] = k.astype(np.float16), v.astype(np.float16)
        keys, values = self._layers[layer].read()
        return np.concatenate([keys, k], axis=1), np.concatenate([values, v], axis=1)

    def visible(self, num_new: int) -> None:
        """None: attention is causal."""

    def advance(self, num_new: int) -> None:
        """Count tokens that every layer has appended, and quantise those that are now old."""
        self._layers = [self._take(kept, *self._new[i]) for i, kept in enumerate(self._layers)]
        self._new.clear()
        self._num_tokens += num_new

    def truncate(self, num_tokens: int) -> None:
        """Forget all but the first `num_tokens` tokens, if no old token would be recent again.

        The exact numbers of an old token are gone. As each new token makes a value old once there
        are more than `residual`, from then on only all tokens can be forgotten, or none.
        """
        if not 0 <= num_tokens <= self._num_tokens:
            raise ValueError(f"can keep 0 to {self._num_tokens} tokens, got {num_tokens}")
        if num_tokens != 0 and self._num_old(num_tokens) != self._num_old(self._num_tokens):
            raise ValueError(f"{num_tokens} tokens would need exact ones that are in codes by now")
        old_keys, old_values = self._num_old(num_tokens)
        self._layers = [
            Layer(
                layer.old_keys,
                layer.recent_keys[:, : num_tokens - old_keys].copy(),
                layer.old_values,
                layer.recent_values[:, : num_tokens - old_values].copy(),
            )
            for layer in (self._layers if num_tokens else self._empty)
        ]
        self._num_tokens = num_tokens

    def _num_old(self, num_tokens: int) -> tuple[int, int]:
        """How many keys and how many values are in codes when `num_tokens` have passed."""
        return num_tokens // self._residual * self._residual, max(0, num_tokens - self._residual)

    def _take(self, layer: Layer, k: Array, v: Array) -> Layer:
        """Put new tokens behind the recent ones, then quantise those that are old now."""
        keys = np.concatenate([layer.recent_keys, k], axis=1)
        values = np.concatenate([layer.recent_values, v], axis=1)
        old_keys, old_values = layer.old_keys, layer.old_values
        num_keys, _ = self._num_old(keys.shape[1])
        _, num_values = self._num_old(values.shape[1])
        if num_keys:
            leaving = keys[:, :num_keys]
            groups = quantize_per_channel(leaving, self._bits, group_size=self._group_size)
            old_keys = join(old_keys, groups)
        if num_values:
            leaving = values[:, :num_values]
            tokens = quantize_per_token(leaving, self._bits, per=self._group_size)
            old_values = join(old_values, tokens)
        return Layer(old_keys, keys[:, num_keys:].copy(), old_values, values[:, num_values:].copy())
