"""One small attention layer with and without a cache, its work counted as it is done.

Over n tokens, one after the other, with hidden_size d (all heads together):

                                   without a cache          with a cache
    keys (and values) computed     n(n + 1) / 2             n
    attention multiply-adds        2d · n(n + 1)(2n + 1)/6  2d · n(n + 1)/2
    all multiply-adds              + 4d² · n(n + 1) / 2     + 4d² · n

Attention multiplies queries with keys and weights with values: 2d for each pair of tokens. Without
a cache step t recomputes all t² pairs, those too that the mask then hides, as a plain matrix
product does. The projections are W_q, W_k, W_v and W_o: 4d² for each token.
"""

from dataclasses import dataclass

import numpy as np

from membound.arrays import Float32
from membound.attention.plain import causal_mask
from membound.maths.softmax import softmax


@dataclass
class Run:
    """What came out, one row per input, and what it took."""

    outputs: Float32  # (num_tokens, hidden_size)
    num_projected: int = 0  # keys computed; as many values
    num_attention_macs: int = 0
    num_macs: int = 0

    def multiply(self, a: Float32, b: Float32) -> Float32:
        """Return a @ b and count its multiply-adds: one per number of `a` and column of `b`."""
        self.num_macs += a.size * b.shape[-1]
        return a @ b


class CountedAttention:
    """Causal multi-head attention with random weights: x W_q, x W_k, x W_v, attend, then W_o."""

    def __init__(self, *, hidden_size: int, num_heads: int, seed: int):
        if hidden_size % num_heads:
            raise ValueError(f"hidden_size {hidden_size} does not split into {num_heads} heads")
        rng = np.random.default_rng(seed)
        shape = (4, hidden_size, hidden_size)
        weights = rng.normal(scale=hidden_size**-0.5, size=shape).astype(np.float32)
        self.W_q, self.W_k, self.W_v, self.W_o = weights
        self.num_heads, self.head_dim = num_heads, hidden_size // num_heads

    def run_uncached(self, inputs: Float32) -> Run:
        """Process `inputs` (num_tokens, hidden_size); for each token all before it once more."""
        run = Run(np.empty_like(inputs))
        for t in range(len(inputs)):
            q, k, v = self.project(inputs[: t + 1], run)
            run.outputs[t] = self.attend(q, k, v, run)[-1]
        return run

    def run_cached(self, inputs: Float32) -> Run:
        """Process `inputs` (num_tokens, hidden_size); each token once."""
        run = Run(np.empty_like(inputs))
        keys, values = self.room(len(inputs))
        for t in range(len(inputs)):
            q, k, v = self.project(inputs[t : t + 1], run)
            keys[:, t : t + 1], values[:, t : t + 1] = k, v
            run.outputs[t] = self.attend(q, keys[:, : t + 1], values[:, : t + 1], run)[-1]
        return run

    def project(self, x: Float32, run: Run) -> tuple[Float32, Float32, Float32]:
        """Return q, k, v (num_heads, num_tokens, head_dim) of `x` (num_tokens, hidden_size)."""
        run.num_projected += len(x)
        return tuple(
            run.multiply(x, W).reshape(len(x), self.num_heads, self.head_dim).swapaxes(0, 1)
            for W in (self.W_q, self.W_k, self.W_v)
        )

    def attend(self, q: Float32, k: Float32, v: Float32, run: Run) -> Float32:
        """Return the outputs (num_queries, hidden_size) of the last tokens of `k` and `v`."""
        before = run.num_macs
        scores = run.multiply(q, k.swapaxes(-1, -2)) / np.float32(np.sqrt(self.head_dim))
        visible = causal_mask(q.shape[1], k.shape[1])
        weights = softmax(np.where(visible, scores, np.float32(-np.inf)))
        heads = run.multiply(weights, v)
        run.num_attention_macs += run.num_macs - before
        return run.multiply(heads.swapaxes(0, 1).reshape(q.shape[1], -1), self.W_o)

    def room(self, num_tokens: int) -> tuple[Float32, Float32]:
        """Return empty arrays for the keys and values of `num_tokens` tokens."""
        keys, values = np.zeros((2, self.num_heads, num_tokens, self.head_dim), np.float32)
        return keys, values
