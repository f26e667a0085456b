"""Causal attention with grouped query heads: the oracle.

    attention(q, k, v) = softmax(q kᵀ / sqrt(head_dim) + mask) v

Vaswani et al., "Attention Is All You Need" (arXiv 1706.03762), equation 1. The groups are Ainslie
et al., "GQA" (arXiv 2305.13245), section 2: consecutive query heads share one key and value head.
With num_kv_heads = num_heads it is multi-head attention, with num_kv_heads = 1 multi-query.
"""

import numpy as np

from membound.arrays import Bool, Float32
from membound.attention.shapes import check_visible, group_size
from membound.maths.softmax import softmax


def causal_mask(num_queries: int, num_keys: int) -> Bool:
    """Return which keys each query sees: (num_queries, num_keys), True where it may look.

    The queries are the *last* tokens of the keys: query i stands at position
    num_keys - num_queries + i and sees the keys up to its own.
    """
    if num_queries > num_keys:
        raise ValueError(f"{num_queries} queries need at least as many keys, got {num_keys}")
    positions = np.arange(num_keys)
    return positions <= positions[num_keys - num_queries :, None]


def attention(q: Float32, k: Float32, v: Float32, *, visible: Bool | None = None) -> Float32:
    """Attend with `q` (num_heads, num_queries, head_dim) to `k`, `v` (num_kv_heads, num_keys, ...).

    Returns (num_heads, num_queries, head_dim). `visible` (num_queries, num_keys) says which keys
    a query sees, at least one each; None means `causal_mask(num_queries, num_keys)`.
    """
    group = group_size(q, k, v)
    num_queries, num_keys, head_dim = q.shape[1], k.shape[1], q.shape[2]
    if visible is None:
        visible = causal_mask(num_queries, num_keys)
    check_visible(visible, num_queries, num_keys)

    k = np.repeat(k, group, axis=0)  # [num_kv_heads, ...] -> [num_heads, ...]
    v = np.repeat(v, group, axis=0)
    scores = q @ k.swapaxes(-1, -2) / np.float32(np.sqrt(head_dim))
    scores = np.where(visible, scores, np.float32(-np.inf))
    return softmax(scores) @ v
