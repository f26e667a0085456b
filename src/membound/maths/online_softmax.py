"""Softmax in pieces: scores seen a few at a time, their weighted values merged afterwards.

For the scores s_j and values v_j of some keys, three numbers say all that matters later:

    max = max_j s_j    sum = sum_j exp(s_j - max)    output = sum_j exp(s_j - max) · v_j

Two pieces become one by bringing both to the larger maximum, and softmax(s) v is output / sum of
the whole. The order and the grouping of the merges change nothing but rounding. Milakov and
Gimelshein, "Online normalizer calculation for softmax" (arXiv 1805.02867), section 3.1; the
output beside it is Dao et al., "FlashAttention" (arXiv 2205.14135), section 3.1.
"""

from dataclasses import dataclass

import numpy as np

from membound.arrays import Float32


@dataclass(frozen=True)
class PartialSoftmax:
    """What is known of each row after some of its keys.

    `max` and `sum` are (..., 1), `output` is (..., head_dim). A row that has seen no key, or masked
    ones alone, has max -inf, sum 0 and output 0: it leaves whatever it merges with as it was.
    """

    max: Float32
    sum: Float32
    output: Float32


def partial_softmax(scores: Float32, values: Float32) -> PartialSoftmax:
    """See one piece: `scores` (..., num_rows, num_keys), `values` (..., num_keys, head_dim).

    A score of -inf is a masked key. There may be no keys at all.
    """
    largest = scores.max(axis=-1, keepdims=True, initial=-np.inf)
    weights = np.exp(scores - _reference(largest))
    return PartialSoftmax(largest, weights.sum(axis=-1, keepdims=True), weights @ values)


def merge(a: PartialSoftmax, b: PartialSoftmax) -> PartialSoftmax:
    """Return what one pass over the keys of both would have found; associative, commutative."""
    largest = np.maximum(a.max, b.max)
    scale_a = np.exp(a.max - _reference(largest))
    scale_b = np.exp(b.max - _reference(largest))
    return PartialSoftmax(
        largest,
        a.sum * scale_a + b.sum * scale_b,
        a.output * scale_a + b.output * scale_b,
    )


def finish(state: PartialSoftmax) -> Float32:
    """Return softmax(scores) @ values (..., head_dim) of all that was merged; NaN stays NaN."""
    if (state.sum == 0).any():
        raise ValueError("each row must have seen at least one key, got one with masked keys alone")
    return state.output / state.sum


def _reference(largest: Float32) -> Float32:
    # -inf - -inf is NaN. Any finite number in its place gives exp(-inf) = 0, which is right.
    return np.where(largest == -np.inf, np.float32(0), largest)
