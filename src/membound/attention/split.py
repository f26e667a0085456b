"""Split-KV decoding: one query, its keys cut into pieces that need not wait for each other.

A decode step has one query per head, so a GPU that parallelises over queries leaves most of itself
idle. Flash-decoding gives each piece of the keys to another block of threads and merges their
partial softmaxes. Dao, Haziza, Massa and Sizov, "Flash-Decoding for long-context inference"
(PyTorch blog, October 2023). Here the pieces are computed in turn: what this module shows is that
the answer is the same.
"""

from functools import reduce
from itertools import pairwise

import numpy as np

from membound.arrays import Float32
from membound.attention.grouped import grouped_scores
from membound.attention.shapes import group_size
from membound.maths.online_softmax import PartialSoftmax, finish, merge, partial_softmax


def partial_attention(q: Float32, k: Float32, v: Float32) -> PartialSoftmax:
    """Return what queries `q` (num_heads, num_queries, head_dim) know after the keys `k`.

    Every query sees every key. The state's rows are (num_kv_heads, group · num_queries).
    """
    scores = grouped_scores(q, k)
    num_kv_heads, group, num_queries, num_keys = scores.shape
    return partial_softmax(scores.reshape(num_kv_heads, group * num_queries, num_keys), v)


def split_attention(q: Float32, k: Float32, v: Float32, *, num_splits: int) -> Float32:
    """Attend with one query per head, `q` (num_heads, 1, head_dim), to all keys, in pieces.

    Returns (num_heads, 1, value_dim), equal to `plain.attention` to within rounding. Pieces differ
    by one key at most, and there may be more pieces than keys.
    """
    group_size(q, k, v)
    num_heads, num_queries, _ = q.shape
    if num_queries != 1:
        raise ValueError(f"split attention serves one query per head, got {num_queries}")
    if num_splits < 1:
        raise ValueError(f"num_splits must be at least 1, got {num_splits}")
    ends = np.linspace(0, k.shape[1], num_splits + 1).astype(int)
    pieces = [
        partial_attention(q, k[:, start:end], v[:, start:end])
        for start, end in pairwise(ends.tolist())
    ]
    return finish(reduce(merge, pieces)).reshape(num_heads, 1, -1)
