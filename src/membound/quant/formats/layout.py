"""What a block format is: a packed struct that holds `block_size` weights.

GGUF cuts each row of a matrix into blocks and stores a block as one C struct (ggml-common.h in
ggml). Here the struct is a NumPy dtype, so a format's size follows from the fields that it lists:

    bits per weight = 8 * struct.itemsize / block_size
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from membound.arrays import Array, Float32

Decode = Callable[[Array, Float32], None]
Encode = Callable[[Float32, Array], None]


@dataclass(frozen=True)
class BlockFormat:
    """One GGUF tensor type.

    `decode(blocks, weights)` fills `weights` (num_blocks, block_size) from `blocks`, an array of
    `struct` (num_blocks,). `encode(weights, blocks)` fills `blocks`, and raises
    `FloatingPointError` for weights that they cannot hold; None is a format that is only read.
    """

    name: str
    type_id: int
    block_size: int
    struct: np.dtype
    decode: Decode
    encode: Encode | None = None

    @property
    def type_size(self) -> int:
        """Bytes per block."""
        return self.struct.itemsize

    @property
    def bits_per_weight(self) -> float:
        """Stored bits for one weight, its share of the block's scales included."""
        return 8 * self.type_size / self.block_size


def packed(*fields: tuple) -> np.dtype:
    """A C struct without padding: `packed(("scale", "<f2"), ("codes", "i1", 32))`."""
    return np.dtype(list(fields))
