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

from membound.arrays import Complex64, Float32, off_the_line
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
        self._h = off_the_line(config.hidden_size)
        self._delta = np.empty(config.hidden_size, np.float32)

        # Views into one result, taken once: slicing costs as much as a small product.
        self._qkv = np.empty(config.query_size + 2 * config.kv_size, np.float32)
        heads = self._qkv.reshape(-1, config.head_dim)
        self._q_and_k = heads[: num_heads + num_kv_heads].view(np.complex64)
        grouped = heads[:num_heads].reshape(num_kv_heads, group, config.head_dim)
        self._q = grouped.swapaxes(1, 2)  # (num_kv_heads, head_dim, group)
        self._k = heads[num_heads : num_heads + num_kv_heads, None]
        self._v = heads[num_heads + num_kv_heads :, None]
        self._attended_flat = off_the_line(config.query_size)
        self._attended = self._attended_flat.reshape(grouped.shape)
        self._make_scores(num_keys=1)

        self._gate_up = np.empty(2 * config.intermediate_size, np.float32)
        self._gate, self._up = np.split(self._gate_up, 2)
        self._activated = np.empty(config.intermediate_size, np.float32)

        # Arrays of no axes: NumPy would have to convert a Python number at every use.
        self._one = np.ones((), np.float32)
        self._scale = np.ones((), np.float32)
        # Queries are scaled as they are rotated, which is free, and not as scores.
        self._scales = np.ones((num_heads + num_kv_heads, 1), np.float32)
        self._scales[:num_heads] = config.head_dim**-0.5
        self._positions = range(0)  # of `_rotations`

    def decode(self, token_id: int, cache: KVCache) -> Float32:
        """Process the token that follows those in `cache`; return its logits (vocab_size,)."""
        weights, h, delta, qkv = self._weights, self._h, self._delta, self._qkv
        position = cache.num_tokens
        known = type(token_id) is int and 0 <= token_id < len(weights.embedding)
        if not (known and position < weights.config.context_length):
            check_tokens(weights.config, [token_id], position)  # which says what is wrong, if it is
        rotations = self._rotations_at(position)
        x = weights.embedding[token_id].copy()
        with np.errstate(over="ignore"):  # of exp(-gate), in _activate; entered once, for it costs
            for index, layer in enumerate(weights.layers):
                self._normalise(x, layer.attn_norm)
                self.read_short_rows(layer.qkv, h, qkv)
                np.multiply(self._q_and_k, rotations, self._q_and_k)
                self._attend(*cache.append(index, self._k, self._v))
                self.read_short_rows(layer.o, self._attended_flat, delta)
                np.add(x, delta, x)
                self._normalise(x, layer.mlp_norm)
                np.dot(layer.gate_up, h, self._gate_up)
                self._activate()
                np.dot(layer.down, self._activated, delta)
                np.add(x, delta, x)
        cache.advance(1)
        self._normalise(x, weights.norm)
        return np.dot(weights.head, h)

    def _rotations_at(self, position: int) -> Complex64:
        """What q and k are multiplied by: (num_heads + num_kv_heads, head_dim / 2)."""
        if position not in self._positions:
            self._positions = range(position, position + 256)
            rotations = self._weights.rotations(self._positions)
            self._rotations = rotations[:, None] * self._scales
        return self._rotations[position - self._positions.start]

    def _normalise(self, x: Float32, weight: Float32) -> None:
        """`norms.rms_norm` into h; the mean square is a dot product, in one call."""
        h, scale = self._h, self._scale
        scale[()] = 1 / math.sqrt(float(x.dot(x)) / len(x) + self._eps)
        np.multiply(x, weight, h)
        np.multiply(h, scale, h)

    def _attend(self, keys: Float32, values: Float32) -> None:
        """`plain.attention` without `repeat`: a group's query heads share one product."""
        if keys.shape[1] != self._scores.shape[2]:
            self._make_scores(keys.shape[1])
        scores, per_head = self._scores, self._per_head
        # keys @ q, not q @ keys.T: OpenBLAS walks long keys three times faster in this order.
        np.matmul(keys, self._q, self._products)
        np.copyto(scores, self._products.swapaxes(1, 2))
        np.maximum.reduce(scores, -1, None, per_head, True)
        np.subtract(scores, per_head, scores)
        np.exp(scores, scores)
        np.add.reduce(scores, -1, None, per_head, True)
        np.matmul(scores, values, self._attended)
        np.divide(self._attended, per_head, self._attended)

    def _make_scores(self, num_keys: int) -> None:
        """Take room for as many scores; all layers of a step need the same."""
        num_kv_heads, group, _ = self._attended.shape
        self._products = np.empty((num_kv_heads, num_keys, group), np.float32)
        self._scores = np.empty((num_kv_heads, group, num_keys), np.float32)
        self._per_head = np.empty((num_kv_heads, group, 1), np.float32)

    def _activate(self) -> None:
        """`activations.swiglu`, in place."""
        gate, out = self._gate, self._activated
        np.negative(gate, out)
        np.exp(out, out)  # inf far below zero, where gate / inf = 0 is right
        np.add(out, self._one, out)
        np.divide(gate, out, out)
        np.multiply(out, self._up, out)
