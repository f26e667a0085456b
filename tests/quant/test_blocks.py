"""Our bytes against those of the `gguf` package, which we did not write."""

import warnings

import numpy as np
import pytest

import gguf
from gguf import GGMLQuantizationType
from membound.gguf.reader import read_gguf
from membound.quant.blocks import FORMATS, bits_per_weight, dequantize, quantize

PEER_QUANTIZES = ("F32", "F16", "BF16", "Q8_0", "Q4_0", "Q4_1", "Q5_0", "Q5_1", "MXFP4")


def peer_dequantize(raw, name, shape):
    """The `gguf` package's float32; damaged scales make it warn, which is not our concern."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        rows = raw.reshape(shape[0], -1)
        return gguf.quants.dequantize(rows, GGMLQuantizationType[name]).reshape(shape)


def peer_quantize(weights, name):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return gguf.quants.quantize(weights, GGMLQuantizationType[name]).view(np.uint8).ravel()


def weights_of_every_kind():
    rng = np.random.default_rng(1)
    shape = (40, 512)
    tied = rng.integers(-20, 21, shape)  # many blocks whose extremes are equal but for the sign
    return {
        "gaussian": rng.normal(size=shape),
        "heavy tails": rng.standard_t(1.1, size=shape).clip(-6e4, 6e4),
        "tied": tied,
        "halves": tied / 2,
        "small": rng.normal(size=shape) * 1e-6,
        "scale below float16": rng.normal(size=shape) * 1e-20,
        "positive": rng.uniform(1, 2, size=shape),
        "zero": np.zeros(shape),
        "minus zero": -np.zeros(shape),
        "one value": np.full(shape, 0.3),
    }


WEIGHTS = {name: value.astype(np.float32) for name, value in weights_of_every_kind().items()}


@pytest.mark.parametrize("name", FORMATS)
def test_id_and_sizes_are_those_of_ggml(name):
    peer = GGMLQuantizationType[name]
    found = FORMATS[name]
    assert found.type_id == peer.value
    assert (found.block_size, found.type_size) == gguf.GGML_QUANT_SIZES[peer]


@pytest.mark.parametrize(("name", "bits"), [("F16", 16), ("Q8_0", 8.5), ("Q4_0", 4.5), ("Q5_1", 6)])
def test_bits_per_weight_count_the_scales(name, bits):
    assert bits_per_weight(name) == bits


@pytest.mark.parametrize("name", FORMATS)
def test_any_bytes_decode_as_the_gguf_package_decodes_them(name):
    """Random bytes make scales that are NaN, infinite, negative and denormal."""
    found = FORMATS[name]
    shape = (301, 7 * found.block_size)
    size = shape[0] * 7 * found.type_size
    raw = np.random.default_rng(0).integers(0, 256, size, dtype=np.uint8)
    ours = dequantize(raw, name, shape)
    assert ours.dtype == np.float32
    assert np.array_equal(ours, peer_dequantize(raw, name, shape), equal_nan=True)


@pytest.mark.parametrize("kind", WEIGHTS)
@pytest.mark.parametrize("name", PEER_QUANTIZES)
def test_encoded_bytes_are_those_of_the_gguf_package(name, kind):
    assert np.array_equal(quantize(WEIGHTS[kind], name), peer_quantize(WEIGHTS[kind], name))


def test_q8_0_rounds_halves_and_their_neighbours_as_the_gguf_package_does():
    """The first weight of each block is 127, so that the scale is 1 and the rest are codes."""
    halves = (np.arange(-253, 254) / 2).astype(np.float32)
    near = np.concatenate([halves, np.nextafter(halves, -200), np.nextafter(halves, 200)])
    blocks = np.concatenate([near, np.zeros(-len(near) % 31)]).reshape(-1, 31).astype(np.float32)
    weights = np.insert(blocks, 0, 127, axis=1)
    assert np.array_equal(quantize(weights, "Q8_0"), peer_quantize(weights, "Q8_0"))


@pytest.mark.model
def test_tensors_of_the_real_model_decode_as_the_gguf_package_decodes_them(model_path):
    """All but the layers between the first and the last; of the embedding, the first 2000 rows."""
    with read_gguf(model_path) as file:
        tensors = [
            tensor
            for tensor in file.tensors.values()
            if tensor.name.startswith(("blk.0.", "blk.29.")) or not tensor.name.startswith("blk.")
        ]
        for tensor in tensors:
            rows = (min(tensor.shape[0], 2000), *tensor.shape[1:])
            raw = file.raw(tensor.name)[: tensor.nbytes * rows[0] // tensor.shape[0]]
            expected = peer_dequantize(raw, tensor.type_name, rows)
            assert np.array_equal(file.tensor(tensor.name)[:2000], expected), tensor.name
    assert {tensor.type_name for tensor in tensors} == {"F32", "Q8_0", "Q4_1"}


WRITTEN = [name for name, found in FORMATS.items() if found.encode]


def relative_error(weights, name):
    found = dequantize(quantize(weights, name), name, weights.shape)
    return np.linalg.norm(found - weights) / np.linalg.norm(weights)


def rounding_error(weights, group_size, num_codes):
    """What is left when each group's range is cut evenly, with exact scales: step / sqrt(12)."""
    groups = weights.reshape(-1, group_size)
    step = (groups.max(axis=1) - groups.min(axis=1)) / (num_codes - 1)
    return np.sqrt(np.mean(step**2) / 12) / np.sqrt(np.mean(weights**2))


@pytest.mark.parametrize(
    ("name", "group_size", "num_codes"),
    [
        ("Q8_0", 32, 255),
        ("Q4_1", 32, 16),
        ("Q5_1", 32, 32),
        ("Q2_K", 16, 4),
        ("Q4_K", 32, 16),
        ("Q5_K", 32, 32),
        ("Q6_K", 16, 64),
    ],
)
def test_the_error_is_at_most_that_of_rounding_with_exact_scales(name, group_size, num_codes):
    """Q8_0 and Q6_K waste a little on being centred; the K-quants' search makes up for the rest."""
    allowance = {"Q8_0": 1.15, "Q6_K": 1.15, "Q4_1": 1.01, "Q5_1": 1.01}.get(name, 1)
    gaussian = WEIGHTS["gaussian"]
    limit = rounding_error(gaussian, group_size, num_codes)
    assert relative_error(gaussian, name) <= allowance * limit


# Relative error on the Gaussian weights above of ggml's own C encoders (its sources of September
# 2023), and the share of it that ours may leave.
PEER_ERRORS = {
    "Q2_K": (0.2952, 0.98),
    "Q3_K": (0.1510, 1.02),
    "Q4_K": (0.0722, 1.0),
    "Q5_K": (0.0362, 0.98),
    "Q6_K": (0.0177, 1.01),
}


@pytest.mark.parametrize("name", PEER_ERRORS)
def test_the_error_is_about_that_of_ggmls_own_encoder_or_less(name):
    error, share = PEER_ERRORS[name]
    assert relative_error(WEIGHTS["gaussian"], name) <= share * error


def test_uneven_levels_suit_gaussian_weights_better_than_even_ones():
    gaussian = WEIGHTS["gaussian"]
    assert relative_error(gaussian, "IQ4_NL") < 0.95 * relative_error(gaussian, "Q4_0")


@pytest.mark.parametrize("name", WRITTEN)
def test_more_than_one_chunk_is_encoded_and_decoded_like_its_parts(name):
    weights = np.random.default_rng(5).normal(size=(5, 16384)).astype(np.float32)
    whole = quantize(weights, name)
    parts = [quantize(row, name) for row in weights]
    assert np.array_equal(whole, np.concatenate(parts))
    assert np.array_equal(
        dequantize(whole, name, weights.shape),
        [dequantize(part, name, (16384,)) for part in parts],
    )


@pytest.mark.model
@pytest.mark.parametrize("name", [name for name in WRITTEN if name.endswith("_K")])
def test_k_quants_of_real_weights_decode_as_the_gguf_package_decodes_them(model_path, name):
    with read_gguf(model_path) as file:
        weights = file.tensor("blk.11.ffn_down.weight")
    raw = quantize(weights, name)
    ours = dequantize(raw, name, weights.shape)
    assert np.array_equal(ours, peer_dequantize(raw, name, weights.shape))
    assert np.linalg.norm(ours - weights) < 0.31 * np.linalg.norm(weights)


@pytest.mark.parametrize("name", WRITTEN)
def test_zeros_come_back_as_zeros(name):
    raw = quantize(np.zeros((2, 512)), name)
    assert not dequantize(raw, name, (2, 512)).any()


@pytest.mark.parametrize("name", [name for name in WRITTEN if name not in ("F32", "BF16")])
def test_what_float32_cannot_invert_comes_back_as_zero(name):
    denormal = np.full((1, 512), 1e-41, np.float32)
    denormal[0, 7] = -3e-41
    assert not dequantize(quantize(denormal, name), name, (1, 512)).any()


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("name", WRITTEN)
def test_a_weight_that_is_no_number_is_refused_by_its_row(name, value):
    weights = np.zeros((1000, 512), np.float32)
    weights[777, 300] = value
    weights[778] = value
    with pytest.raises(ValueError, match=rf"row 777 holds NaN, infinity, .* for {name}"):
        quantize(weights, name)


@pytest.mark.parametrize("name", [name for name in WRITTEN if name not in ("F32", "MXFP4")])
def test_a_weight_too_large_for_the_format_is_refused_by_its_row(name):
    weights = np.zeros((3, 512), np.float32)
    weights[1, 5] = np.finfo(np.float32).max
    with pytest.raises(ValueError, match=r"row 1 holds .* too large"):
        quantize(weights, name)


def test_a_weight_too_large_for_float32_is_refused_by_its_row():
    with pytest.raises(ValueError, match="row 1 holds NaN, infinity"):
        quantize([[0.0] * 32, [1e300] * 32], "Q8_0")


@pytest.mark.parametrize("shape", [(2, 33), (31,), ()])
def test_rows_that_do_not_divide_into_blocks_are_refused(shape):
    with pytest.raises(ValueError, match="Q4_0 cuts rows into blocks of 32: the rows of shape"):
        quantize(np.zeros(shape), "Q4_0") if shape else dequantize(np.zeros(0, "u1"), "Q4_0", ())


@pytest.mark.parametrize("raw", [np.zeros(35, "u1"), np.zeros(36, "i1"), np.zeros(9, "f4")])
def test_bytes_of_the_wrong_number_or_type_are_refused(raw):
    with pytest.raises(ValueError, match=r"Q4_0 of shape \(2, 32\) takes 36 bytes as uint8, not"):
        dequantize(raw, "Q4_0", (2, 32))


def test_an_unknown_format_is_refused_with_those_that_there_are():
    with pytest.raises(ValueError, match="no block format 'Q3_1'; there are F32, F16, BF16, Q8_0"):
        quantize(np.zeros((1, 32)), "Q3_1")


def test_quantize_leaves_its_argument_alone():
    for name in WRITTEN:
        weights = WEIGHTS["gaussian"].copy()
        quantize(weights, name)
        assert np.array_equal(weights, WEIGHTS["gaussian"])


def test_a_tensor_without_rows_takes_no_bytes():
    assert quantize(np.zeros((0, 32)), "Q4_0").shape == (0,)
    assert dequantize(np.zeros(0, np.uint8), "Q4_0", (0, 32)).shape == (0, 32)
