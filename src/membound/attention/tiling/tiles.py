"""Cutting attention into tiles, and counting what moves between slow and fast memory.

The machine of the FlashAttention paper (arXiv 2205.14135, section 2.1): arithmetic happens in a
fast memory of M elements (a GPU's SRAM, a CPU's cache), the arrays lie in a slow one (HBM, DRAM),
and each element moved from one to the other costs the same.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from membound.arrays import Array


@dataclass(frozen=True)
class Tiles:
    """How many rows of queries, and how many rows of keys, are in fast memory at a time."""

    query_rows: int
    key_rows: int

    def __post_init__(self):
        if min(self.query_rows, self.key_rows) < 1:
            raise ValueError(f"a tile must have at least one row, got {self}")

    @property
    def swapped(self) -> "Tiles":
        """The same fast memory with its sides exchanged: for the other order of the loops."""
        return Tiles(self.key_rows, self.query_rows)


def tile_sizes(sram_elements: int, head_dim: int) -> Tiles:
    """Return the tiles of Algorithm 1, line 1: B_c = ceil(M / 4d), B_r = min(B_c, d).

    Tiles of q, k, v and the output then fill M; the scores between them take up to M / 4 more,
    which the paper leaves to the constant.
    """
    if min(sram_elements, head_dim) < 1:
        raise ValueError(
            f"sram_elements and head_dim must be positive, got {sram_elements} and {head_dim}"
        )
    key_rows = -(-sram_elements // (4 * head_dim))
    return Tiles(query_rows=min(key_rows, head_dim), key_rows=key_rows)


def cut(num_rows: int, tile_rows: int) -> Iterator[slice]:
    """Yield slices that cover `num_rows` rows, `tile_rows` at a time; the last may be shorter."""
    for start in range(0, num_rows, tile_rows):
        yield slice(start, min(start + tile_rows, num_rows))


@dataclass
class Traffic:
    """A count of the elements that moved, kept by whoever moves them."""

    loaded: int = 0
    stored: int = 0

    @property
    def elements(self) -> int:
        """All that moved, in either direction."""
        return self.loaded + self.stored

    def load(self, array: Array) -> Array:
        """Count `array` as brought into fast memory."""
        self.loaded += array.size
        return array

    def store(self, array: Array) -> Array:
        """Count `array` as written to slow memory."""
        self.stored += array.size
        return array
