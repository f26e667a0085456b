"""Each test is one sentence that `membound.quant.integer` or `lines` says of itself."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from membound.quant.integer import quantize, split_groups

SCHEMES = ["symmetric", "affine", "offset"]


@pytest.fixture
def weights() -> np.ndarray:
    """Gaussian rows of three sizes, as a weight matrix has them."""
    size = np.array([[0.02], [0.04], [0.01]], np.float32)
    return np.random.default_rng(0).normal(size=(3, 256)).astype(np.float32) * size


def each_scale(quantized, per) -> np.ndarray:
    """The scale of each value of the array, in float64."""
    groups = split_groups(np.zeros(quantized.shape, np.float32), per)
    scale = quantized.scale.astype(np.float64)[..., None]
    return np.broadcast_to(scale, groups.shape).reshape(quantized.shape)


def each_reach(array, per) -> np.ndarray:
    """The larger of magnitude and span in each value's group, in float64."""
    groups = split_groups(array, per).astype(np.float64)
    span = np.ptp(groups, axis=-1, keepdims=True)
    reach = np.maximum(span, np.abs(groups).max(axis=-1, keepdims=True))
    return np.broadcast_to(reach, groups.shape).reshape(array.shape)


def finest_scale(array, bits, per, scheme) -> np.ndarray:
    """The smallest scale with which each value's group could be written, in float64."""
    groups = split_groups(array, per).astype(np.float64)
    least, greatest = groups.min(-1, keepdims=True), groups.max(-1, keepdims=True)
    if scheme == "symmetric":
        finest = np.maximum(-least, greatest) / (2 ** (bits - 1) - 1)
    elif scheme == "affine":
        finest = (np.maximum(greatest, 0) - np.minimum(least, 0)) / (2**bits - 1)
    else:
        finest = (greatest - least) / (2**bits - 1)
    return np.broadcast_to(finest, groups.shape).reshape(array.shape)


# Numbers of one array have one of these sizes, as weights do, or all of them at once.
sizes = st.sampled_from([1e-44, 1e-38, 1e-12, 1e-7, 1e-4, 0.03, 1.0, 300.0, 6e4, 1e30, 3.4e38])
elements = st.floats(-1, 1, width=32) | st.sampled_from([-1.0, -0.5, -0.0, 0.0, 0.25, 0.5, 1.0])


@st.composite
def arrays(draw) -> np.ndarray:
    shape = draw(st.sampled_from([(1, 8), (3, 8), (2, 2, 4), (5, 16), (16,)]))
    values = draw(hnp.arrays(np.float64, shape, elements=elements)) * draw(sizes)
    if draw(st.booleans()):
        values = values + draw(sizes) * draw(st.sampled_from([-1, 1]))
    return np.clip(values, -3.4e38, 3.4e38).astype(np.float32)


@settings(deadline=None, max_examples=200)
@given(
    array=arrays(),
    bits=st.integers(2, 8),
    per=st.sampled_from(["tensor", "row", 4]),
    scheme=st.sampled_from(SCHEMES),
    scale_dtype=st.sampled_from([np.float16, np.float32]),
)
def test_a_value_comes_back_to_within_half_of_the_finest_scale_or_is_refused(
    array, bits, per, scheme, scale_dtype
):
    finest = finest_scale(array, bits, per, scheme)
    try:
        quantized = quantize(array, bits=bits, per=per, scheme=scheme, scale_dtype=scale_dtype)
    except ValueError:
        limits, reach = np.finfo(scale_dtype), each_reach(array, per)
        largest = float((limits if scheme == "offset" else np.finfo(np.float32)).max)
        too_small = finest < 128 * float(limits.smallest_subnormal)
        if scheme == "offset":
            too_small |= reach < limits.smallest_normal
        assert (
            np.any(too_small & (reach > 0))
            or finest.max() > limits.max
            or reach.max() > largest / 2
        )
        return
    back = quantized.dequantize()
    assert back.dtype == np.float32
    assert back.shape == array.shape
    scale, reach = each_scale(quantized, per), each_reach(array, per)
    error = np.abs(back.astype(np.float64) - array)
    assert np.all(error <= scale / 2 + 2**-22 * reach)
    widened = 2**-10 * np.abs(array).max() / (2**bits - 1) if scheme == "offset" else 0
    assert np.all(scale <= (finest + widened) * (1 + 2**-6))


@pytest.mark.parametrize("scale_dtype", [np.float16, np.float32])
@pytest.mark.parametrize("scheme", SCHEMES)
def test_ordinary_weights_are_never_refused(weights, scheme, scale_dtype):
    for bits in range(2, 9):
        for per in ("tensor", "row", 32):
            quantize(weights, bits=bits, per=per, scheme=scheme, scale_dtype=scale_dtype)


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("bits", range(2, 9))
def test_the_mean_squared_error_of_uniform_values_is_a_twelfth_of_the_squared_scale(bits, scheme):
    values = np.random.default_rng(bits).uniform(-1, 1, 200_000).astype(np.float32)
    quantized = quantize(values, bits=bits, per="tensor", scheme=scheme)
    error = quantized.dequantize() - values
    expected = float(quantized.scale[0, 0]) ** 2 / 12
    assert np.isclose(np.mean(error.astype(np.float64) ** 2), expected, rtol=0.02)
    assert abs(error.mean()) < 0.01 * quantized.scale[0, 0]


@pytest.mark.parametrize("bits", range(4, 8))
def test_a_further_bit_buys_six_decibels(bits):
    values = np.random.default_rng(0).normal(size=100_000).astype(np.float32)

    def decibels(bits: int) -> float:
        error = quantize(values, bits=bits, per="tensor", scheme="offset").dequantize() - values
        return 10 * np.log10(np.mean(values**2) / np.mean(error**2))

    exact = 20 * np.log10((2 ** (bits + 1) - 1) / (2**bits - 1))  # 6.02 for many bits
    assert np.isclose(decibels(bits + 1) - decibels(bits), exact, atol=0.1)
    assert abs(exact - 6.02) < 0.3


@pytest.mark.parametrize(
    ("bits", "per", "scheme", "scale_dtype", "bits_per_value"),
    [
        (4, 128, "symmetric", np.float32, 4.25),
        (4, 128, "symmetric", np.float16, 4.125),
        (4, 32, "symmetric", np.float16, 4.5),
        (4, 32, "offset", np.float16, 5.0),  # Q4_1
        (4, 32, "affine", np.float16, 4.5 + 4 / 32),
        (3, 64, "symmetric", np.float16, 3.25),
        (2, 32, "offset", np.float16, 3.0),  # KIVI
        (8, "row", "affine", np.float32, 8 + 40 / 256),
        (8, "tensor", "symmetric", np.float32, 8 + 32 / (512 * 256)),
    ],
)
def test_nbytes_is_codes_and_scales_to_the_byte(bits, per, scheme, scale_dtype, bits_per_value):
    array = np.ones((512, 256), np.float32)
    quantized = quantize(array, bits=bits, per=per, scheme=scheme, scale_dtype=scale_dtype)
    assert quantized.nbytes == bits_per_value * array.size / 8
    assert quantized.bits_per_value == bits_per_value


def test_codes_of_four_bits_are_an_eighth_of_float32():
    array = np.ones((64, 128), np.float32)
    assert array.nbytes == 8 * quantize(array, bits=4, per="tensor").codes.nbytes


@pytest.mark.parametrize("bits", range(2, 9))
def test_affine_gives_zero_back_exactly_whatever_lies_around_it(bits):
    rng = np.random.default_rng(bits)
    for low, high in [(-1, 1), (-0.3, 2), (0.5, 7), (-9, -4), (-1e-3, 5)]:
        row = np.append(rng.uniform(low, high, 31), 0).astype(np.float32)
        assert quantize(row, bits=bits, per="row", scheme="affine").dequantize()[-1] == 0


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_row_without_zero_in_its_range_comes_back(scheme):
    row = np.array([[5, 6, 7, 8]], np.float32)
    back = quantize(row, bits=8, per="row", scheme=scheme).dequantize()
    assert np.abs(back - row).max() <= 8 / 127 / 2 + 1e-6


def test_offset_gives_values_on_its_line_back_exactly():
    row = np.arange(16, dtype=np.float32) - 5
    quantized = quantize(row, bits=4, per="row", scheme="offset")
    assert (quantized.scale, quantized.low) == (1, -5)
    assert np.array_equal(quantized.dequantize(), row)


@pytest.mark.parametrize("bits", range(2, 9))
def test_a_range_whose_both_ends_are_ties_stays_on_its_codes(bits):
    # The zero point rounds 1.5 up to 2, and then the greatest value's tie would go to 2**bits.
    row = np.array([-1.5, 0, 2**bits - 2.5], np.float32)
    back = quantize(row, bits=bits, per="row", scheme="affine").dequantize()
    assert np.abs(back - row).max() == 0.5


def test_a_narrow_row_far_from_zero_may_have_its_low_in_float16():
    row = np.linspace(1000.1, 1000.2, 16, dtype=np.float32)
    quantized = quantize(row, bits=4, per="row", scheme="offset", scale_dtype=np.float16)
    assert quantized.low[0, 0] == 1000
    assert np.abs(quantized.dequantize() - row).max() <= (0.2 / 15 * 1.01) / 2


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("constant", [3.0, -0.1, 1e-20, 1e30])
def test_a_constant_row_comes_back_to_float32_accuracy(scheme, constant):
    row = np.full((1, 8), constant, np.float32)
    back = quantize(row, bits=4, per="row", scheme=scheme).dequantize()
    assert np.allclose(back, row, rtol=2**-22, atol=0)


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("scale_dtype", [np.float16, np.float32])
def test_a_row_of_zeros_has_scale_zero_and_comes_back_exactly(scheme, scale_dtype, weights):
    weights[1] = 0
    quantized = quantize(weights, bits=4, per="row", scheme=scheme, scale_dtype=scale_dtype)
    assert quantized.scale[1] == 0
    assert np.all(quantized.dequantize()[1] == 0)


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("outlier", [100.0, -100.0])
def test_an_outlier_costs_precision_only_in_its_own_group(weights, scheme, outlier):
    spiked = weights.copy()
    spiked[0, 0] = outlier
    before = quantize(weights, bits=4, per=32, scheme=scheme).dequantize()
    after = quantize(spiked, bits=4, per=32, scheme=scheme).dequantize()
    assert np.array_equal(after[0, 32:], before[0, 32:])
    assert np.array_equal(after[1:], before[1:])
    lost = np.abs(after - weights)[0, 1:32].mean()
    assert lost > 5 * np.abs(before - weights)[0, 1:32].mean()


def test_a_row_too_small_for_float16_is_named_and_float32_takes_it(weights):
    weights[2] *= 1e-6
    with pytest.raises(ValueError, match=r"row 2, group 0 needs a scale of .*e-09: float16"):
        quantize(weights, bits=4, per="row", scale_dtype=np.float16)
    back = quantize(weights, bits=4, per="row", scale_dtype=np.float32).dequantize()
    assert np.corrcoef(back[2], weights[2])[0, 1] > 0.98


def test_a_row_too_large_for_float16_is_named_with_its_group(weights):
    weights[1, 70] = 1e6
    with pytest.raises(ValueError, match=r"row 1, group 2 needs a scale of 1.43e\+05: float16"):
        quantize(weights, bits=4, per=32, scale_dtype=np.float16)


def test_denormals_come_back_as_long_as_a_scale_can_tell_them_apart():
    row = np.linspace(-1e-39, 1e-39, 64, dtype=np.float32)
    quantized = quantize(row, bits=4, per="row")
    assert np.abs(quantized.dequantize() - row).max() <= quantized.scale[0, 0] / 2
    with pytest.raises(ValueError, match=r"row 0, group 0 needs a scale of 7.88e-45: float32"):
        quantize(row * np.float32(1e-3), bits=8, per="row")


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 1e39])
@pytest.mark.parametrize("per", ["tensor", "row", 32])
def test_a_row_with_a_number_that_is_not_finite_is_named(weights, scheme, bad, per):
    spoilt = weights.astype(np.float64)
    spoilt[1, 5] = bad
    with pytest.raises(ValueError, match="row 1 holds NaN, infinity, or more than float32 can"):
        quantize(spoilt, bits=4, per=per, scheme=scheme)


def test_a_span_that_float32_cannot_hold_is_refused_by_offset_which_needs_it():
    row = np.array([[-3e38, 3e38]], np.float32)
    with pytest.raises(ValueError, match="or float32 not the numbers that it spans"):
        quantize(row, bits=4, per="row", scheme="offset")
    back = quantize(row, bits=4, per="row", scheme="affine").dequantize()
    assert np.allclose(back, row, rtol=1 / 15)


@pytest.mark.parametrize("shape", [(6,), (2, 6), (2, 3, 6)])
@pytest.mark.parametrize("scheme", SCHEMES)
def test_any_number_of_axes_keeps_its_shape(shape, scheme):
    array = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    quantized = quantize(array, bits=8, per=3, scheme=scheme)
    assert quantized.scale.shape == (array.size // 6, 2)
    assert np.allclose(quantized.dequantize(), array, atol=0.03)


def test_the_array_itself_is_left_as_it_was(weights):
    before = weights.copy()
    for scheme in SCHEMES:
        quantize(weights, bits=2, per="row", scheme=scheme)
    assert np.array_equal(weights, before)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"bits": 1}, "bits must be 2 to 8, got 1"),
        ({"bits": 9}, "bits must be 2 to 8, got 9"),
        ({"per": 100}, "rows of 256 do not split into groups of 100"),
        ({"per": "column"}, "per must be 'tensor', 'row' or a group's size, got 'column'"),
        ({"per": 0}, "per must be 'tensor', 'row' or a group's size, got 0"),
        ({"scheme": "both"}, "scheme must be one of symmetric, affine, offset, got 'both'"),
        ({"scale_dtype": np.float64}, "scales are stored as float16 or float32, not float64"),
        ({"array": np.zeros((0, 4))}, r"an array of shape \(0, 4\) holds nothing to quantise"),
    ],
)
def test_what_cannot_be_done_is_refused(weights, changes, message):
    with pytest.raises(ValueError, match=message):
        quantize(**({"array": weights, "bits": 4, "per": "row"} | changes))
