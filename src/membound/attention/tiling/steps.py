"""FlashAttention one tile at a time, written to be looked at: one head, nothing in place."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from membound.arrays import Float32
from membound.attention.shapes import first_position, group_size
from membound.attention.tiling.tiles import Tiles, cut
from membound.maths.online_softmax import PartialSoftmax, finish, merge, partial_softmax


@dataclass(frozen=True)
class Step:
    """One tile of scores, and what its rows know once they have seen it."""

    queries: slice
    keys: slice
    scores: Float32  # (rows of queries, rows of keys), -inf where masked
    state: PartialSoftmax  # max and sum (rows, 1), output (rows, head_dim) not yet divided

    @property
    def output(self) -> Float32:
        """The attention output over the keys seen so far; the last step's is the answer."""
        return finish(self.state)


def steps(
    q: Float32, k: Float32, v: Float32, tiles: Tiles, *, causal: bool = True
) -> Iterator[Step]:
    """Yield each tile that `flash.flash_attention` visits, in its order.

    `q` is (num_queries, head_dim), `k` and `v` (num_keys, head_dim): one head. A tile of keys that
    is hidden from all rows of a tile of queries is not visited.
    """
    group_size(q[None], k[None], v[None])
    position = first_position(len(q), len(k), causal=causal)
    for queries in cut(len(q), tiles.query_rows):
        state = None
        for keys in cut(min(len(k), position + queries.stop), tiles.key_rows):
            scores = q[queries] @ k[keys].T / np.float32(np.sqrt(q.shape[-1]))
            query_positions = position + np.arange(queries.start, queries.stop)
            hidden = np.arange(keys.start, keys.stop) > query_positions[:, None]
            scores = np.where(hidden, np.float32(-np.inf), scores)
            seen = partial_softmax(scores, v[keys])
            state = seen if state is None else merge(state, seen)
            yield Step(queries, keys, scores, state)
