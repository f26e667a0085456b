"""Each test is one sentence that `membound.quant.gptq` says of itself."""

from itertools import product

import numpy as np
import pytest

from membound.quant.gptq import gptq, inverse_factor, output_error
from membound.quant.integer import quantize

SCHEMES = ["symmetric", "affine", "offset"]


@pytest.fixture
def matrix() -> np.ndarray:
    return np.random.default_rng(0).normal(0, 0.05, (48, 64)).astype(np.float32)


@pytest.fixture
def inputs() -> np.ndarray:
    """200 tokens whose 64 channels are mixtures of 20, of very different sizes."""
    rng = np.random.default_rng(1)
    mixture = rng.normal(size=(20, 64)) * rng.uniform(0.1, 3, 64)
    return (rng.normal(size=(200, 20)) @ mixture + 0.05 * rng.normal(size=(200, 64))).astype("f4")


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("per", ["row", 16])
@pytest.mark.parametrize("act_order", [False, True])
def test_on_correlated_inputs_it_saves_most_of_the_error(matrix, inputs, scheme, per, act_order):
    how = {"bits": 4, "per": per, "scheme": scheme, "scale_dtype": np.float16}
    nearest = quantize(matrix, **how)
    better = gptq(matrix, inputs, **how, act_order=act_order)
    before = output_error(inputs, matrix, nearest.dequantize())
    after = output_error(inputs, matrix, better.dequantize())
    assert after < 0.4 * before
    # At the price of the weights themselves, which is why they are the wrong thing to compare.
    assert output_error(np.eye(64), matrix, better.dequantize()) > output_error(
        np.eye(64), matrix, nearest.dequantize()
    )


def test_it_changes_codes_and_nothing_else(matrix, inputs):
    nearest = quantize(matrix, bits=4, per=16, scheme="affine", scale_dtype=np.float16)
    better = gptq(matrix, inputs, bits=4, per=16, scheme="affine")
    assert better.nbytes == nearest.nbytes
    assert np.array_equal(better.scale, nearest.scale)
    assert np.array_equal(better.zero_point, nearest.zero_point)
    assert not np.array_equal(better.codes, nearest.codes)


def test_inputs_without_correlation_leave_nothing_to_make_up_for(matrix):
    alone = gptq(matrix, np.eye(64, dtype=np.float32), bits=4)
    nearest = quantize(matrix, bits=4, per="row", scale_dtype=np.float16)
    assert np.array_equal(alone.codes, nearest.codes)


def test_with_two_columns_it_finds_the_best_code_for_the_second():
    rng = np.random.default_rng(5)
    for _ in range(20):
        matrix = rng.normal(size=(1, 2)).astype(np.float32)
        inputs = (rng.normal(size=(9, 2)) @ rng.normal(size=(2, 2))).astype(np.float32)
        found = gptq(matrix, inputs, bits=3, damping=0)
        back = found.dequantize()
        levels = found.scale[0, 0].astype(np.float32) * np.arange(-4, 4)
        errors = [output_error(inputs, matrix, np.array([[back[0, 0], x]])) for x in levels]
        assert np.isclose(output_error(inputs, matrix, back), min(errors), rtol=1e-3)


def test_it_finds_better_codes_than_chance_and_no_better_than_a_search_of_all():
    rng = np.random.default_rng(2)
    matrix = rng.normal(size=(1, 5)).astype(np.float32)
    inputs = (rng.normal(size=(30, 3)) @ rng.normal(size=(3, 5))).astype(np.float32)
    found = gptq(matrix, inputs, bits=2, act_order=True)
    levels = found.scale[0, 0].astype(np.float32) * np.array([-2, -1, 0, 1])
    errors = sorted(output_error(inputs, matrix, np.array([x])) for x in product(levels, repeat=5))
    error = output_error(inputs, matrix, found.dequantize())
    assert errors[0] * (1 - 1e-6) <= error <= errors[len(errors) // 20]


def test_the_factor_is_upper_triangular_and_squares_to_the_inverse(inputs):
    upper = inverse_factor(inputs, 0.01)
    x = inputs.astype(np.float64)
    hessian = x.T @ x
    hessian += 0.01 * np.trace(hessian) / 64 * np.eye(64)
    assert np.array_equal(upper, np.triu(upper))
    assert np.allclose(upper.T.astype(np.float64) @ upper @ hessian, np.eye(64), atol=1e-3)


def test_fewer_tokens_than_columns_are_enough(matrix, inputs):
    few = inputs[:10]
    error = output_error(few, matrix, gptq(matrix, few, bits=4).dequantize())
    nearest = quantize(matrix, bits=4, per="row", scale_dtype=np.float16)
    assert error < 0.2 * output_error(few, matrix, nearest.dequantize())


def test_a_column_that_no_token_uses_is_rounded_all_the_same(matrix, inputs):
    inputs[:, 7] = 0
    back = gptq(matrix, inputs, bits=8).dequantize()
    assert np.abs(back - matrix)[:, 7].max() < 0.002


def test_output_error_is_the_share_of_energy():
    x = np.array([[3.0, 0], [0, 4]], np.float32)
    assert output_error(x, np.ones((1, 2), np.float32), np.array([[1, 0]])) == 16 / 25


@pytest.mark.parametrize("bad", [0.0, np.nan])
def test_inputs_that_say_nothing_are_refused(matrix, bad):
    with pytest.raises(ValueError, match="the inputs are all zero, or not finite"):
        gptq(matrix, np.full((3, 64), bad, np.float32), bits=4)


def test_per_tensor_is_refused(matrix, inputs):
    with pytest.raises(ValueError, match="per must be 'row' or a group's size"):
        gptq(matrix, inputs, bits=4, per="tensor")
