"""A cache that quantises every token as it comes, as engines keep an 8-bit cache.

Memory is saved, not time: here a step reads all kept codes back into float32 first. On a GPU the
attention kernel does that on the fly, and there fewer bytes are also less time.
"""

from membound.arrays import Float32
from membound.quant.integer import Per, QuantizedArray, Scheme
from membound.quant.kv import concatenate, keep_first, quantize_per_token, read_per_token

Kept = tuple[QuantizedArray | None, QuantizedArray | None]


class PerTokenCache:
    """Each token's keys and values in `bits`, a float16 scale for each head (or `per` channels).

    A new token, too, attends to itself as it is kept.
    """

    capacity = None

    def __init__(
        self, num_layers: int, *, bits: int, per: Per = "row", scheme: Scheme = "symmetric"
    ):
        self._how = {"bits": bits, "per": per, "scheme": scheme}
        # For each layer (keys, values): what counts, and what will when the pass is through.
        self._kept: list[Kept] = [(None, None)] * num_layers
        self._next = list(self._kept)
        self._num_tokens = 0

    @property
    def num_tokens(self) -> int:
        """How many tokens have passed."""
        return self._num_tokens

    @property
    def nbytes(self) -> int:
        """The bytes of all codes and scales."""
        return sum(kept.nbytes for pair in self._kept for kept in pair if kept is not None)

    def append(self, layer: int, k: Float32, v: Float32) -> tuple[Float32, Float32]:
        """Quantise `k`, `v` (num_kv_heads, T, head_dim); return all tokens, read back."""
        new_keys, new_values = (quantize_per_token(new, **self._how) for new in (k, v))
        keys, values = self._kept[layer]
        keys = new_keys if keys is None else concatenate(keys, new_keys)
        values = new_values if values is None else concatenate(values, new_values)
        self._next[layer] = keys, values
        return read_per_token(keys), read_per_token(values)

    def visible(self, num_new: int) -> None:
        """None: attention is causal."""

    def advance(self, num_new: int) -> None:
        """Count tokens that every layer has appended."""
        self._kept = list(self._next)
        self._num_tokens += num_new

    def truncate(self, num_tokens: int) -> None:
        """Forget all but the first `num_tokens` tokens."""
        if not 0 <= num_tokens <= self._num_tokens:
            raise ValueError(f"can keep 0 to {self._num_tokens} tokens, got {num_tokens}")
        self._num_tokens = num_tokens
        if num_tokens == 0:
            self._kept = [(None, None)] * len(self._kept)
        else:
            self._kept = [
                (keep_first(keys, num_tokens), keep_first(values, num_tokens))
                for keys, values in self._kept
            ]
