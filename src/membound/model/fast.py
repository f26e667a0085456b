"""One token at a time, written to keep the memory bus busy.

A decode step multiplies every weight once, by one number: 2 FLOPs for 4 bytes. The processor could
do many times more while the bytes arrive, so all that counts is how they are read:

- `np.vecdot` walks a matrix from its first number to its last, on one thread. It reads (out, in)
  matrices with short rows best (qkv, o).
- `np.dot` of an (out, in) matrix walks four rows at once, on all threads. Where rows are long, the
  threads pay off (down); where they are short, the walk stops and starts.
- `np.dot` of an (in, out) matrix adds up four of its long rows at once, on all threads. It reads
  matrices with many outputs best (gate_up, head).

`scripts/measure-decode --ways` measures them all. What is computed is `transformer.forward` for one
token; the rest of what differs is said where it differs.
"""

import math

import numpy as np

from membound.arrays import Float32
from membound.cache.interface import KVCache
from membound.model.transformer import check_tokens
from membound.model.weights import Weights


class FastDecoder:
    """A decode step over any cache. Its buffers are reused, so one thread at a time may call it."""

    read_short_rows = staticmethod(np.vecdot)  # qkv's and o's

    def __init__(self, weights: Weights):
        config = weights.config
        num_heads, num_kv_heads = config.num_heads, config.num_kv_heads
        group = num_heads // num_kv_heads
        self._weights = weights
        self._eps = config.norm_eps
        self._h = np.empty(config.hidden_size, np.float32)
        self._delta = np.empty(config.hidden_size, np.float32)

        # Views into one result, taken once: slicing costs as much as a small product.
        self._qkv = np.empty(config.query_size + 2 * config.kv_size, np.float32)
        heads = self._qkv.reshape(-1, config.head_dim)
        self._q_and_k = heads[: num_heads + num_kv_heads].view(np.complex64)
        grouped = heads[:num_heads].reshape(num_kv_heads, group, config.head_dim)
        self._q = grouped.swapaxes(1, 2)  # (num_kv_heads, head_dim, group)
        self._k = heads[num_heads : num_heads + num_kv_heads, None]
        self._v = heads[num_heads + num_kv_heads :, None]
        self._attended = np.empty(grouped.shape, np.float32)
        self._attended_flat = self._attended.reshape(-1)

        self._gate_up = np.empty(2 * config.intermediate_size, np.float32)
        self._gate, self._up = np.split(self._gate_up, 2)
        self._activated = np.empty(config.intermediate_size, np.float32)

        # Queries are scaled as they are rotated, which is free, and not as scores.
        self._scales = np.ones((num_heads + num_kv_heads, 1), np.float32)
        self._scales[:num_heads] = config.head_dim**-0.5

    def decode(self, token_id: int, cache: KVCache) -> Float32:
        """Process the token that follows those in `cache`; return its logits (vocab_size,)."""
        weights, h, delta = self._weights, self._h, self._delta
        check_tokens(weights.config, [token_id], cache.num_tokens)
        rotations = weights.rotations[cache.num_tokens] * self._scales
        x = weights.embedding[token_id].copy()
        with np.errstate(over="ignore"):  # of exp(-gate), in _activate; entered once, for it costs
            for index, layer in enumerate(weights.layers):
                self._normalise(x, layer.attn_norm)
                self.read_short_rows(layer.qkv, h, out=self._qkv)
                self._q_and_k *= rotations
                self._attend(*cache.append(index, self._k, self._v))
                self.read_short_rows(layer.o, self._attended_flat, out=delta)
                x += delta
                self._normalise(x, layer.mlp_norm)
                np.dot(layer.gate_up, h, out=self._gate_up)
                self._activate()
                np.dot(layer.down, self._activated, out=delta)
                x += delta
        cache.advance(1)
        self._normalise(x, weights.norm)
        return np.dot(weights.head, h)

    def _normalise(self, x: Float32, weight: Float32) -> None:
        """`norms.rms_norm` into h; the mean square is a dot product, in one call."""
        mean_square = float(x.dot(x)) / len(x)
        np.multiply(x, weight, out=self._h)
        self._h *= 1 / math.sqrt(mean_square + self._eps)

    def _attend(self, keys: Float32, values: Float32) -> None:
        """`plain.attention` without `repeat`: a group's query heads share one product."""
        # keys @ q, not q @ keys.T: OpenBLAS walks long keys three times faster in this order.
        scores = np.matmul(keys, self._q)  # (num_kv_heads, num_keys, group)
        scores = np.ascontiguousarray(scores.swapaxes(1, 2))
        scores -= np.maximum.reduce(scores, axis=-1, keepdims=True)
        np.exp(scores, out=scores)
        scores /= np.add.reduce(scores, axis=-1, keepdims=True)
        np.matmul(scores, values, out=self._attended)

    def _activate(self) -> None:
        """`activations.swiglu`, in place."""
        gate, out = self._gate, self._activated
        np.negative(gate, out=out)
        np.exp(out, out=out)  # inf far below zero, where gate / inf = 0 is right
        out += 1
        np.divide(gate, out, out=out)
        out *= self._up
