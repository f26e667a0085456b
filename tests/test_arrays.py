"""Each test is one sentence that `membound.arrays` says of itself."""

import numpy as np
import pytest

from membound.arrays import aligned_empty, off_the_line


@pytest.mark.parametrize("num_values", [0, 1, 1000, 3_000_000])
def test_aligned_room_starts_on_a_huge_page_and_is_as_long_as_asked(num_values):
    room = aligned_empty(num_values)
    assert room.shape == (num_values,)
    assert room.dtype == np.float32
    assert room.ctypes.data % (2 << 20) == 0 or num_values == 0
    room[:] = 1  # all of it is ours


@pytest.mark.parametrize("num_values", [1, 576, 577])
def test_room_off_the_line_starts_a_quarter_of_a_line_late_and_is_as_long_as_asked(num_values):
    room = off_the_line(num_values)
    assert room.shape == (num_values,)
    assert room.dtype == np.float32
    assert room.ctypes.data % 64 == 16
    room[:] = 1
