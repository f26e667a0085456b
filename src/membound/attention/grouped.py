"""Grouped heads without `repeat`: the query heads of a group stand below each other.

`plain` copies each key head once per query head. Here a group's queries become the rows of one
matrix, so that one product with the key head they share serves them all, and the key is read once:

    [num_heads, num_queries, head_dim] -> [num_kv_heads, group * num_queries, head_dim]

num_kv_heads = num_heads is multi-head attention (Vaswani et al., arXiv 1706.03762), 1 is
multi-query (Shazeer, arXiv 1911.02150), between them lies grouped-query attention (Ainslie et al.,
arXiv 2305.13245, section 2).
"""

import numpy as np

from membound.arrays import Bool, Float32
from membound.attention.plain import causal_mask
from membound.attention.shapes import check_visible, group_size
from membound.maths.softmax import softmax


def grouped_scores(q: Float32, k: Float32) -> Float32:
    """Return q kᵀ / sqrt(head_dim), (num_kv_heads, group, num_queries, num_keys).

    `q` is (num_heads, num_queries, head_dim), `k` (num_kv_heads, num_keys, head_dim).
    """
    num_heads, num_queries, head_dim = q.shape
    num_kv_heads, num_keys, _ = k.shape
    group = num_heads // num_kv_heads
    rows = (q * np.float32(head_dim**-0.5)).reshape(num_kv_heads, group * num_queries, head_dim)
    return (rows @ k.swapaxes(-1, -2)).reshape(num_kv_heads, group, num_queries, num_keys)


def grouped_output(weights: Float32, v: Float32) -> Float32:
    """Return weights @ v, (num_heads, num_queries, value_dim).

    `weights` is (num_kv_heads, group, num_queries, num_keys), `v` (num_kv_heads, num_keys, ...).
    """
    num_kv_heads, group, num_queries, num_keys = weights.shape
    output = weights.reshape(num_kv_heads, -1, num_keys) @ v
    return output.reshape(num_kv_heads * group, num_queries, -1)


def grouped_attention(
    q: Float32, k: Float32, v: Float32, *, visible: Bool | None = None
) -> Float32:
    """Return `plain.attention` of the same arguments, to within rounding, copying no key."""
    group_size(q, k, v)
    if visible is None:
        visible = causal_mask(q.shape[1], k.shape[1])
    check_visible(visible, q.shape[1], k.shape[1])
    scores = grouped_scores(q, k)
    np.copyto(scores, np.float32(-np.inf), where=~visible)
    return grouped_output(softmax(scores), v)
