"""Names for array types, so that a signature says what a caller must bring; and aligned memory."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Float32 = NDArray[np.float32]
Complex64 = NDArray[np.complex64]
Bool = NDArray[np.bool_]
Bytes = NDArray[np.uint8]
TokenIds = NDArray[np.integer[Any]] | list[int]

HUGE_PAGE_BYTES = 2 << 20
LINE_BYTES = 64  # of a cache line, on x86 and most of ARM


def aligned_empty(num_values: int) -> Float32:
    """Return room (num_values,) that starts where a huge page does.

    NumPy asks Linux for huge pages for single arrays of 4 MiB and more. With ordinary ones the
    processor stops every 4 KiB to look up where the next lies: a tenth of the reading speed here.
    """
    block = np.empty(num_values + HUGE_PAGE_BYTES // 4, np.float32)
    start = -block.ctypes.data % HUGE_PAGE_BYTES // 4
    return block[start : start + num_values]


def off_the_line(num_values: int) -> Float32:
    """Return room (num_values,) that starts in the middle of a cache line, not where one does.

    For the vector that `np.vecdot` meets with the rows of a matrix. Where the rows start on cache
    lines and the vector does too, they were read a fifth more slowly by OpenBLAS 0.3.31 on Zen 4;
    `scripts/measure-decode --ways` measures both. `np.empty` gives one or the other by chance.
    """
    skipped = LINE_BYTES // 4 // 4  # a quarter of a line; half a line is not far enough
    return aligned_empty(skipped + num_values)[skipped:]
