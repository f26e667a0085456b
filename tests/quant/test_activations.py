"""Each test is one sentence that `membound.quant.activations` says of itself."""

import numpy as np
import pytest

from membound.quant.activations import int8_codes, int8_linear, round_activations
from membound.quant.integer import quantize


@pytest.fixture
def x() -> np.ndarray:
    """Sixteen tokens, one of them with a massive channel, as a Llama's `down` gets them."""
    x = np.random.default_rng(0).normal(size=(16, 64)).astype(np.float32)
    x[3, 40] = 2000
    return x


def largest_errors(x, per) -> np.ndarray:
    """For each token, the largest error of its ordinary channels."""
    error = np.abs(round_activations(x, per) - x)
    error[3, 40] = 0
    return error.max(axis=1)


def test_per_tensor_one_massive_activation_silences_all_others(x):
    assert np.all(round_activations(x, "tensor")[:3] == 0)


def test_per_token_it_silences_its_own_token_only(x):
    assert np.all(np.delete(round_activations(x, "row")[3], 40) == 0)
    assert np.delete(largest_errors(x, "row"), 3).max() <= 4 / 127 / 2


def test_per_block_it_silences_its_own_block_only(x):
    assert np.all(round_activations(x, 32)[3, 41:] == 0)
    assert np.abs(round_activations(x, 32) - x)[3, :32].max() <= 4 / 127 / 2


@pytest.mark.parametrize("per", ["tensor", "row", 32])
def test_rounding_is_what_reading_the_codes_back_gives(x, per):
    assert np.array_equal(
        round_activations(x, per, bits=6), quantize(x, bits=6, per=per).dequantize()
    )


def test_the_codes_are_signed_bytes_that_reach_127_in_every_row(x):
    codes, scale = int8_codes(x)
    assert codes.dtype == np.int8
    assert np.abs(codes.astype(int)).max(axis=1).tolist() == [127] * 16
    assert np.allclose(scale * codes, round_activations(x, "row"), rtol=1e-6)


def test_a_product_in_whole_numbers_is_the_product_of_the_rounded_matrices(x):
    matrix = np.random.default_rng(1).normal(size=(24, 64)).astype(np.float32)
    y = int8_linear(x, matrix)
    rounded = round_activations(x, "row").astype(np.float64)
    expected = rounded @ quantize(matrix, bits=8, per="row").dequantize().astype(np.float64).T
    assert y.dtype == np.float32
    assert np.allclose(y, expected, rtol=1e-5, atol=1e-4)


def test_the_sum_over_a_very_wide_row_fits_into_int32():
    x = np.ones((1, 53248), np.float32)  # Llama 3.1 405B's `down`
    assert np.allclose(int8_linear(x, x), 53248, rtol=1e-6)


def test_a_token_that_is_not_finite_is_named(x):
    x[7, 0] = np.nan
    with pytest.raises(ValueError, match="row 7 holds NaN"):
        round_activations(x, "row")
