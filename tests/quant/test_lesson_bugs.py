"""Each quantiser of `membound.quant.lesson_bugs` is wrong, and by how much."""

import numpy as np
import pytest

from membound.quant.integer import quantize
from membound.quant.lesson_bugs import clipped_zero_point, forgotten_minimum, rounded_twice


@pytest.fixture
def weights() -> np.ndarray:
    """512 rows of N(0, 0.02²), the first 100 twice as large and the last 100 half as large."""
    weights = np.random.default_rng(42).normal(0, 0.02, (512, 512)).astype(np.float32)
    weights[:100] *= 2
    weights[-100:] *= 0.5
    return weights


def steps_off(back, weights) -> np.ndarray:
    """The error of each value, in steps of its row's range / 255."""
    return (back - weights) / (np.ptp(weights, axis=1, keepdims=True) / 255)


def test_rounding_twice_doubles_the_largest_error_and_shifts_each_row(weights):
    wrong = steps_off(rounded_twice(weights), weights)
    right = quantize(weights, bits=8, per="row", scheme="affine").dequantize()
    assert 0.95 < np.abs(wrong).max() <= 1.001
    assert np.abs(steps_off(right, weights)).max() <= 0.501
    # The zero point is off by U(-1/2, 1/2) of a step: a quarter on average, for a whole row alike.
    assert np.isclose(np.abs(wrong.mean(axis=1)).mean(), 0.25, atol=0.02)
    # |U + V| of two such errors has mean 1/3, |U| alone 1/4.
    assert np.isclose(np.abs(wrong).mean(), 1 / 3, atol=0.01)
    assert np.isclose(np.abs(steps_off(right, weights)).mean(), 1 / 4, atol=0.01)


def test_clipping_the_zero_point_moves_a_row_without_zero_to_zero():
    weights = np.array([[5, 6, 7, 8], [-8, -7, -6, -5]], np.float32)
    back = clipped_zero_point(weights)
    assert np.allclose(back, [[0, 1, 2, 3], [-3, -2, -1, 0]], atol=0.01)
    right = quantize(weights, bits=8, per="row", scheme="affine").dequantize()
    assert np.allclose(right, weights, atol=8 / 255 / 2 + 1e-6)


def test_clipping_the_zero_point_turns_a_constant_row_into_zero():
    constant = np.full((1, 4), 3, np.float32)
    assert np.all(clipped_zero_point(constant) == 0)
    assert np.allclose(
        quantize(constant, bits=8, per="row", scheme="affine").dequantize(), 3, rtol=1e-6
    )


def test_forgetting_the_minimum_is_off_by_the_minimum(weights):
    wrong = forgotten_minimum(weights)
    least = weights.min(axis=1, keepdims=True)
    assert np.abs(steps_off(wrong + least, weights)).max() <= 0.501
    assert np.abs(wrong - weights).mean() > 3 * np.abs(weights).mean()
