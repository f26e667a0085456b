"""Against NumPy's own casts, over every float16 there is."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from membound.quant.formats.half import from_half, to_half

EVERY_HALF = np.arange(65536).astype(np.uint16)


def test_every_float16_widens_as_numpy_widens_it():
    weights = np.empty(65536, np.float32)
    with np.errstate(invalid="ignore"):
        from_half(EVERY_HALF, weights)
        expected = EVERY_HALF.view(np.float16).astype(np.float32)
    assert np.array_equal(weights, expected, equal_nan=True)
    assert np.array_equal(np.signbit(weights), np.signbit(expected))


def test_rounding_at_every_float16_and_between_every_two_is_numpys():
    exact = EVERY_HALF.view(np.float16)
    exact = np.sort(exact[np.isfinite(exact)]).astype(np.float32)
    middle = (exact[1:] + exact[:-1]) / 2
    near = np.concatenate(
        [
            exact,
            middle,
            np.nextafter(middle, np.float32(-1e9)),
            np.nextafter(middle, np.float32(1e9)),
        ]
    )
    halves = np.empty(len(near), np.uint16)
    to_half(near, halves)
    assert np.array_equal(halves, near.astype(np.float16).view(np.uint16))


@given(st.floats(-65519, 65519, width=32))
def test_any_float32_rounds_as_numpy_rounds_it(number):
    weights = np.array([number], np.float32)
    halves = np.empty(1, np.uint16)
    to_half(weights, halves)
    assert halves[0] == weights.astype(np.float16).view(np.uint16)[0]


@pytest.mark.parametrize("number", [65520, -65520, 1e30, np.inf, np.nan])
def test_what_would_round_to_infinity_is_refused(number):
    with pytest.raises(FloatingPointError):
        to_half(np.array([1, number], np.float32), np.empty(2, np.uint16))


def test_the_largest_float16_is_kept():
    halves = np.empty(1, np.uint16)
    to_half(np.array([np.nextafter(np.float32(65520), np.float32(0))]), halves)
    assert halves.view(np.float16)[0] == 65504
