"""Each test is one sentence that `membound.quant.awq` says of itself."""

import numpy as np
import pytest

from membound.quant.awq import awq, column_scale
from membound.quant.gptq import output_error
from membound.quant.integer import quantize


@pytest.fixture
def matrix() -> np.ndarray:
    return np.random.default_rng(0).normal(0, 0.05, (48, 64)).astype(np.float32)


@pytest.fixture
def inputs() -> np.ndarray:
    """200 tokens in which three channels of 64 are 30 times as large as the others."""
    inputs = np.random.default_rng(1).normal(size=(200, 64)).astype(np.float32)
    inputs[:, [5, 20, 50]] *= 30
    return inputs


@pytest.mark.parametrize("scheme", ["symmetric", "affine", "offset"])
@pytest.mark.parametrize("per", ["row", 16])
def test_a_few_large_channels_are_served_better(matrix, inputs, scheme, per):
    nearest = quantize(matrix, bits=4, per=per, scheme=scheme, scale_dtype=np.float16)
    scaled = awq(matrix, inputs, bits=4, per=per, scheme=scheme)
    before = output_error(inputs, matrix, nearest.dequantize())
    assert output_error(inputs, matrix, scaled.dequantize()) < 0.5 * before
    assert 0 < scaled.alpha < 1
    assert scaled.quantized.nbytes == nearest.nbytes


def test_inputs_alike_are_left_as_they_are(matrix):
    inputs = np.eye(64, dtype=np.float32)
    scaled = awq(matrix, inputs, bits=4)
    nearest = quantize(matrix, bits=4, per="row", scale_dtype=np.float16)
    assert scaled.alpha == 0
    assert np.array_equal(scaled.column_scale, np.ones(64))
    assert np.array_equal(scaled.dequantize(), nearest.dequantize())


def test_scaling_the_inputs_instead_gives_the_same_output(matrix, inputs):
    scaled = awq(matrix, inputs, bits=4)
    y = (inputs / scaled.column_scale) @ scaled.quantized.dequantize().T
    assert np.allclose(y, inputs @ scaled.dequantize().T, rtol=1e-4, atol=1e-4)


def test_the_alpha_is_the_best_of_those_tried(matrix, inputs):
    def error(alpha):
        s = column_scale(inputs, alpha)
        back = quantize(matrix * s, bits=4, per="row", scale_dtype=np.float16).dequantize() / s
        return output_error(inputs, matrix, back)

    scaled = awq(matrix, inputs, bits=4, num_alphas=10)
    errors = [error(alpha) for alpha in np.arange(10) / 10]
    assert scaled.alpha == np.argmin(errors) / 10


def test_the_scale_follows_the_inputs_and_is_centred(inputs):
    whole = column_scale(inputs, 1.0)
    assert whole.dtype == np.float32
    assert np.isclose(whole.max() * whole.min(), 1)
    size = np.abs(inputs).mean(axis=0)
    assert np.allclose(whole / whole[0], size / size[0])
    half = column_scale(inputs, 0.5)
    assert np.allclose(half / half[0], np.sqrt(size / size[0]))


def test_a_channel_that_is_never_used_counts_as_the_least_used(inputs):
    inputs[:, 3] = 0
    scale = column_scale(inputs, 0.5)
    assert scale[3] == scale.min() > 0


@pytest.mark.parametrize("bad", [0.0, np.inf])
def test_inputs_that_say_nothing_are_refused(matrix, bad):
    with pytest.raises(ValueError, match="the inputs are all zero, or not finite"):
        awq(matrix, np.full((3, 64), bad, np.float32), bits=4)
