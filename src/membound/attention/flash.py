"""FlashAttention's forward pass: exact attention that never holds its score matrix.

For a tile of queries, walk over the keys tile by tile and keep the running maximum m, the running
sum l and the weighted output o of the scores s = q kᵀ / sqrt(head_dim) seen so far:

    m' = max(m, max_j s_j)    l' = l · exp(m - m') + sum_j exp(s_j - m')
    o' = o · exp(m - m') + sum_j exp(s_j - m') · v_j        and at the end   output = o / l

Dao et al., "FlashAttention" (arXiv 2205.14135), with the loops of FlashAttention-2 (Dao, arXiv
2307.08691, Algorithm 1): queries outside, keys inside, so that m, l and o never leave fast memory.
`tiling.steps` shows the same pass slowly, `tiling.key_outer` has the first paper's order; what is
new here is that everything happens in place.
"""

import numpy as np

from membound.arrays import Float32
from membound.attention.shapes import first_position, group_size
from membound.attention.tiling.tiles import Tiles, Traffic, cut

# Measured on two cores (`scripts/measure-attention --tiles`): large products keep BLAS's threads
# busy, and 8 MiB of scores stay in a last-level cache. Tall tiles, because the outer loop's side
# decides how often keys and values are read.
CPU_TILES = Tiles(query_rows=2048, key_rows=1024)


def flash_attention(
    q: Float32,
    k: Float32,
    v: Float32,
    *,
    causal: bool = True,
    tiles: Tiles = CPU_TILES,
    traffic: Traffic | None = None,
) -> Float32:
    """Return `plain.attention(q, k, v)` to within rounding, in memory that does not grow with N².

    Beside its result it holds one tile of queries, of scores and of output. Tiles of keys that no
    query of a tile may see are skipped. `tiles.query_rows` counts the rows of all the query heads
    that share a key head, since they share its tiles too. `traffic` counts the elements moved.
    """
    group = group_size(q, k, v)
    num_heads, num_queries, _ = q.shape
    num_kv_heads, num_keys, value_dim = v.shape
    position = first_position(num_queries, num_keys, causal=causal)
    traffic = Traffic() if traffic is None else traffic

    out = np.empty((num_heads, num_queries, value_dim), np.float32)
    query_rows = min(num_queries, max(1, tiles.query_rows // group))
    buffer = np.empty((group * query_rows, min(num_keys, tiles.key_rows)), np.float32)
    for kv_head in range(num_kv_heads):
        heads = slice(kv_head * group, (kv_head + 1) * group)
        for queries in cut(num_queries, query_rows):
            out[heads, queries] = traffic.store(
                _attend_tile(
                    traffic.load(q[heads, queries]),
                    k[kv_head],
                    v[kv_head],
                    position + queries.start,
                    tiles.key_rows,
                    buffer,
                    traffic,
                )
            )
    return out


def _attend_tile(
    q: Float32,
    k: Float32,
    v: Float32,
    position: int,
    key_rows: int,
    buffer: Float32,
    traffic: Traffic,
) -> Float32:
    """Attend with a tile `q` (group, num_rows, head_dim), row 0 at `position`, to one key head."""
    group, num_rows, head_dim = q.shape
    # Scaling the queries spares a pass over the scores. Rows of one position stand together, so
    # that those which see nothing of a tile of keys are the first ones.
    rows = (q * np.float32(head_dim**-0.5)).swapaxes(0, 1).reshape(-1, head_dim)
    largest = np.full((len(rows), 1), -np.inf, np.float32)
    output = np.zeros((len(rows), v.shape[-1] + 1), np.float32)
    num_visible = min(len(k), position + num_rows)  # to any of these rows
    for keys in cut(num_visible, key_rows):
        seeing = slice(group * max(0, keys.start - position), None)
        scores = buffer[: len(rows[seeing]), : keys.stop - keys.start]
        np.matmul(rows[seeing], traffic.load(k[keys]).T, out=scores)
        if keys.stop > position + 1:  # the first row does not see all of them
            _hide_later_keys(scores, max(0, position - keys.start), group)
        # Every row sees key 0, so from the first tile on no maximum is -inf.
        old = largest[seeing].copy()
        np.maximum(old, scores.max(axis=-1, keepdims=True), out=largest[seeing])
        scores -= largest[seeing]
        np.exp(scores, out=scores)
        output[seeing] *= np.exp(old - largest[seeing])
        # The column of ones makes the same product add up the weights.
        ones = np.ones((keys.stop - keys.start, 1), np.float32)
        output[seeing] += scores @ np.concatenate([traffic.load(v[keys]), ones], axis=1)
    output = output[:, :-1] / output[:, -1:]
    return output.reshape(num_rows, group, -1).swapaxes(0, 1)


def _hide_later_keys(scores: Float32, num_before: int, group: int) -> None:
    """Mask what the rows do not see: the first `group` of them see `num_before` keys and one."""
    places = np.arange(len(scores)) // group
    hidden = np.arange(scores.shape[1]) > num_before + places[:, None]
    np.copyto(scores, np.float32(-np.inf), where=hidden)
