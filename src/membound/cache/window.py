"""A cache that forgets: a ring of the last `window` tokens, and the first few for ever.

A token that no later one can see is overwritten by the token that comes `window` places after it,
so the memory stops growing. Which keys a token sees is `attention.window`'s rule, and so are its
sources.
"""

import numpy as np

from membound.arrays import Array, Bool, Float32
from membound.attention.window import check_window, sees


class WindowCache:
    """Room for `num_sinks` first tokens and the `window` last ones of one sequence of any length.

    The token at position p lies in slot p if it is a sink, else in slot
    num_sinks + (p - num_sinks) % window. A prefill may be longer than the window.
    """

    capacity = None

    def __init__(
        self, num_layers: int, num_kv_heads: int, head_dim: int, *, window: int, num_sinks: int = 0
    ):
        check_window(window, num_sinks)
        shape = (num_layers, num_kv_heads, num_sinks + window, head_dim)
        if min(shape) < 1:
            raise ValueError(f"num_layers, num_kv_heads and head_dim must be positive, got {shape}")
        self._keys = np.zeros(shape, np.float32)
        self._values = np.zeros(shape, np.float32)
        self._window = window
        self._num_sinks = num_sinks
        self._num_tokens = 0
        # What a chunk leaves behind, per layer, until `advance`: written at once it would
        # overwrite tokens that are needed if the pass fails and is tried again.
        self._staged: dict[int, tuple[Array, Float32, Float32]] = {}

    @property
    def num_tokens(self) -> int:
        """How many tokens have passed, forgotten ones among them."""
        return self._num_tokens

    @property
    def nbytes(self) -> int:
        """2 · num_layers · num_kv_heads · head_dim · (num_sinks + window) · 4, filled or not."""
        return self._keys.nbytes + self._values.nbytes

    def append(self, layer: int, k: Float32, v: Float32) -> tuple[Float32, Float32]:
        """Take `k`, `v` (num_kv_heads, T, head_dim); return what any of these tokens may see.

        One new token gets the ring itself, in the order of its slots; several get a copy in the
        order of the text, for `visible` to choose from.
        """
        num_new = k.shape[1]
        self._staged.pop(layer, None)
        if num_new == 1:
            # The slot's old token is `window` places back: out of sight for this and all later.
            slot = self._slot(self._num_tokens)
            self._keys[layer, :, slot], self._values[layer, :, slot] = k[:, 0], v[:, 0]
            filled = min(self._num_tokens + 1, self._keys.shape[2])
            return self._keys[layer, :, :filled], self._values[layer, :, :filled]

        past = self._slots(self._held(self._num_tokens))
        kept = self._held(self._num_tokens + num_new)
        kept = kept[kept >= self._num_tokens]
        new = kept - self._num_tokens
        self._staged[layer] = (self._slots(kept), k[:, new], v[:, new])
        return (
            np.concatenate([self._keys[layer][:, past], k], axis=1),
            np.concatenate([self._values[layer][:, past], v], axis=1),
        )

    def visible(self, num_new: int) -> Bool | None:
        """Sinks and window for several new tokens; None where that is all or there is one."""
        end = self._num_tokens + num_new
        if num_new == 1 or end <= self._num_sinks + self._window:
            return None
        new = np.arange(self._num_tokens, end)
        keys = np.concatenate([self._held(self._num_tokens), new])
        return sees(new, keys, self._window, self._num_sinks)

    def advance(self, num_new: int) -> None:
        """Count tokens that every layer has appended."""
        for layer, (slots, k, v) in self._staged.items():
            self._keys[layer][:, slots], self._values[layer][:, slots] = k, v
        self._staged.clear()
        self._num_tokens += num_new

    def truncate(self, num_tokens: int) -> None:
        """Forget all but the first `num_tokens` tokens, if all that the next may see is there."""
        if not 0 <= num_tokens <= self._num_tokens:
            raise ValueError(f"can keep 0 to {self._num_tokens} tokens, got {num_tokens}")
        if not np.isin(self._held(num_tokens), self._held(self._num_tokens)).all():
            raise ValueError(
                f"cannot go back from {self._num_tokens} to {num_tokens} tokens: a window of "
                f"{self._window} has overwritten some of those that the next one sees"
            )
        self._num_tokens = num_tokens

    def _held(self, num_tokens: int) -> Array:
        """The positions that a token at position `num_tokens` or later may see, itself aside."""
        sinks = np.arange(min(num_tokens, self._num_sinks))
        nearest = np.arange(max(self._num_sinks, num_tokens - self._window + 1), num_tokens)
        return np.concatenate([sinks, nearest])

    def _slot(self, position: int) -> int:
        if position < self._num_sinks:
            return position
        return self._num_sinks + (position - self._num_sinks) % self._window

    def _slots(self, positions: Array) -> Array:
        return np.array([self._slot(position) for position in positions.tolist()], np.intp)
