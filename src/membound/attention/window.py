"""Sliding-window attention with sinks: each token sees the last few, and the very first.

With a window W a token at position i sees the positions i - W + 1 to i, itself among them, and the
first `num_sinks` positions. The window is Mistral 7B's (Jiang et al., arXiv 2310.06825, section
2); the sinks are StreamingLLM's (Xiao et al., "Efficient Streaming Language Models with Attention
Sinks", arXiv 2309.17453, section 3.2). StreamingLLM also counts positions within the cache; here a
key keeps the rotation of its place in the text.
"""

import numpy as np

from membound.arrays import Array, Bool, Float32
from membound.attention.grouped import grouped_attention
from membound.attention.shapes import first_position, group_size
from membound.attention.tiling.tiles import cut


def check_window(window: int, num_sinks: int) -> None:
    """Refuse a window that does not hold the token itself, or a negative number of sinks."""
    if window < 1 or num_sinks < 0:
        raise ValueError(
            f"window must be at least 1 and num_sinks at least 0, got {window} and {num_sinks}"
        )


def sees(query_positions: Array, key_positions: Array, window: int, num_sinks: int = 0) -> Bool:
    """Return which keys each query sees, (num_queries, num_keys), given where they stand."""
    check_window(window, num_sinks)
    queries, keys = np.asarray(query_positions)[:, None], np.asarray(key_positions)
    return (keys <= queries) & ((queries - keys < window) | (keys < num_sinks))


def window_mask(num_queries: int, num_keys: int, window: int, num_sinks: int = 0) -> Bool:
    """Return `plain.causal_mask` less all that lies before the window and is no sink."""
    position = first_position(num_queries, num_keys, causal=True)
    return sees(np.arange(position, num_keys), np.arange(num_keys), window, num_sinks)


def window_attention(
    q: Float32, k: Float32, v: Float32, *, window: int, num_sinks: int = 0
) -> Float32:
    """Return `plain.attention` under `window_mask`, in time that grows with N · W and not with N².

    Takes and returns the shapes of `plain.attention`. Queries go `window` at a time, and each such
    tile meets the sinks and the at most 2 · window keys that any of its rows may see.
    """
    group_size(q, k, v)
    check_window(window, num_sinks)
    num_keys = k.shape[1]
    position = first_position(q.shape[1], num_keys, causal=True)
    out = np.empty((*q.shape[:2], v.shape[-1]), np.float32)
    for rows in cut(q.shape[1], window):
        start, end = position + rows.start, position + rows.stop
        nearest = np.arange(max(0, start - window + 1), end)
        sinks = np.arange(min(num_sinks, nearest[0]))
        keys = np.concatenate([sinks, nearest])
        visible = sees(np.arange(start, end), keys, window, num_sinks)
        out[:, rows] = grouped_attention(q[:, rows], k[:, keys], v[:, keys], visible=visible)
    return out
