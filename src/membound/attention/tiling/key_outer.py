"""What the FlashAttention paper compares: Algorithm 0, standard attention, and its own Algorithm 1.

Both are written to be counted, for one head without a mask: whatever moves between slow and fast
memory goes through `traffic`. Algorithm 1 has the keys in the outer loop, so the running maximum,
sum and output of every query travel to slow memory and back once for each tile of keys;
`flash` (the order of FlashAttention-2) has the queries outside and moves each of them once.
Dao et al., arXiv 2205.14135; Theorem 2 is the pair of laws Θ(Nd + N²) and Θ(N²d²/M).
"""

import numpy as np

from membound.arrays import Float32
from membound.attention.shapes import group_size
from membound.attention.tiling.tiles import Tiles, Traffic, cut
from membound.maths.softmax import softmax


def standard_attention(q: Float32, k: Float32, v: Float32, *, traffic: Traffic) -> Float32:
    """Algorithm 0: `q`, `k`, `v` (N, d) in, the N × N scores written out and read back, twice.

    It moves 4Nd + 4N² elements.
    """
    group_size(q[None], k[None], v[None])
    scale = np.float32(q.shape[-1] ** -0.5)
    scores = traffic.store(traffic.load(q) @ traffic.load(k).T * scale)
    weights = traffic.store(softmax(traffic.load(scores)))
    return traffic.store(traffic.load(weights) @ traffic.load(v))


def key_outer_attention(
    q: Float32, k: Float32, v: Float32, tiles: Tiles, *, traffic: Traffic
) -> Float32:
    """Algorithm 1: `q`, `k`, `v` (N, d) in, the same out, and no array of N × N.

    With T_c tiles of keys it moves (3Nd + 4N) · T_c + 3Nd + 2N elements.
    """
    group_size(q[None], k[None], v[None])
    scale = np.float32(q.shape[-1] ** -0.5)
    output = traffic.store(np.zeros((len(q), v.shape[-1]), np.float32))
    total = traffic.store(np.zeros((len(q), 1), np.float32))
    largest = traffic.store(np.full((len(q), 1), -np.inf, np.float32))
    for keys in cut(len(k), tiles.key_rows):
        k_tile, v_tile = traffic.load(k[keys]), traffic.load(v[keys])
        for rows in cut(len(q), tiles.query_rows):
            scores = traffic.load(q[rows]) @ k_tile.T * scale
            old_max, old_sum = traffic.load(largest[rows]), traffic.load(total[rows])
            new_max = np.maximum(old_max, scores.max(axis=-1, keepdims=True))
            weights = np.exp(scores - new_max)
            shrunk_sum = old_sum * np.exp(old_max - new_max)
            new_sum = shrunk_sum + weights.sum(axis=-1, keepdims=True)
            # Line 12: the output is kept divided, so it is multiplied out and divided anew.
            seen = traffic.load(output[rows]) * shrunk_sum + weights @ v_tile
            output[rows] = traffic.store(seen / new_sum)
            largest[rows] = traffic.store(new_max)
            total[rows] = traffic.store(new_sum)
    return output


def standard_elements(num_tokens: int, head_dim: int) -> int:
    """Return what `standard_attention` moves."""
    return 4 * num_tokens * head_dim + 4 * num_tokens**2


def key_outer_elements(num_tokens: int, head_dim: int, tiles: Tiles) -> int:
    """Return what `key_outer_attention` moves."""
    num_key_tiles = -(-num_tokens // tiles.key_rows)
    per_tile = 3 * num_tokens * head_dim + 4 * num_tokens
    return num_key_tiles * per_tile + 3 * num_tokens * head_dim + 2 * num_tokens


def query_outer_elements(num_tokens: int, head_dim: int, tiles: Tiles) -> int:
    """Return what `flash.flash_attention` moves for one head that is not causal."""
    num_query_tiles = -(-num_tokens // tiles.query_rows)
    return 2 * num_tokens * head_dim * (num_query_tiles + 1)
