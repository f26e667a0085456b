"""Each test is one sentence that `membound.quant.kv` says of itself."""

import numpy as np
import pytest

from membound.quant.kv import (
    concatenate,
    keep_first,
    quantize_per_channel,
    quantize_per_token,
    read_per_channel,
    read_per_token,
)

SCHEMES = ["symmetric", "affine", "offset"]


@pytest.fixture
def keys() -> np.ndarray:
    """(3, 64, 32): ordinary keys with one channel far out, always on the same side."""
    keys = np.random.default_rng(0).normal(size=(3, 64, 32)).astype(np.float32)
    keys[:, :, 5] += 20
    return keys


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize(
    ("write", "read", "axis"),
    [(quantize_per_token, read_per_token, 2), (quantize_per_channel, read_per_channel, 1)],
)
def test_each_line_spans_its_own_token_or_channel(keys, scheme, write, read, axis):
    back = read(write(keys, 4, scheme=scheme))
    assert back.shape == keys.shape
    blocks = [keys] if axis == 2 else np.split(keys, 2, axis=1)  # 32 tokens share a line

    def spread(x):
        least, greatest = x.min(axis, keepdims=True), x.max(axis, keepdims=True)
        if scheme == "symmetric":
            return np.maximum(-least, greatest) / 7
        if scheme == "affine":
            least, greatest = np.minimum(least, 0), np.maximum(greatest, 0)
        return (greatest - least) / 15

    step = np.concatenate([np.broadcast_to(spread(b), b.shape) for b in blocks], axis=1)
    assert np.all(np.abs(back - keys) <= step / 2 * 1.03)


def test_an_outlier_channel_spoils_every_token_but_only_itself_per_channel(keys):
    def ordinary(back):
        return np.abs(np.delete(back - keys, 5, axis=2)).mean()

    per_token = ordinary(read_per_token(quantize_per_token(keys, 4)))
    per_channel = ordinary(read_per_channel(quantize_per_channel(keys, 4)))
    assert per_token > 3 * per_channel


def test_a_channel_far_from_zero_needs_the_offset_line(keys):
    def error(scheme):
        back = read_per_channel(quantize_per_channel(keys, 2, scheme=scheme))
        return np.abs(back - keys)[..., 5].mean()

    assert error("affine") > 3 * error("offset")


@pytest.mark.parametrize(
    ("write", "bits", "bits_per_value"),
    [
        (lambda x: quantize_per_token(x, 8), 8, 8 + 32 / 32),
        (lambda x: quantize_per_token(x, 4, per=16), 4, 4 + 32 / 16),
        (lambda x: quantize_per_token(x, 8, scheme="symmetric"), 8, 8 + 16 / 32),
        (lambda x: quantize_per_channel(x, 2), 2, 3.0),
        (lambda x: quantize_per_channel(x, 2, group_size=64), 2, 2.5),
    ],
)
def test_the_bytes_are_codes_and_lines(keys, write, bits, bits_per_value):
    quantized = write(keys)
    assert quantized.bits == bits
    assert quantized.nbytes == keys.size * bits_per_value / 8


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("bits", [2, 3, 4, 8])
def test_tokens_laid_behind_others_are_what_all_at_once_would_be(keys, bits, scheme):
    whole = quantize_per_token(keys, bits, scheme=scheme)
    parts = [quantize_per_token(x, bits, scheme=scheme) for x in np.split(keys, [1, 20], axis=1)]
    joined = concatenate(concatenate(parts[0], parts[1]), parts[2])
    assert np.array_equal(read_per_token(joined), read_per_token(whole))
    assert joined.nbytes == whole.nbytes
    first = keep_first(whole, 20)
    assert np.array_equal(read_per_token(first), read_per_token(whole)[:, :20])
    assert first.nbytes == whole.nbytes * 20 // 64
    assert not np.shares_memory(first.codes, whole.codes)


def test_groups_of_tokens_laid_behind_others_are_what_all_at_once_would_be(keys):
    whole = quantize_per_channel(keys, 2)
    first, second = (quantize_per_channel(x, 2) for x in np.split(keys, 2, axis=1))
    assert np.array_equal(read_per_channel(concatenate(first, second)), read_per_channel(whole))
    assert np.array_equal(read_per_channel(keep_first(whole, 1)), read_per_channel(first))


def test_an_incomplete_group_is_refused(keys):
    with pytest.raises(ValueError, match="63 tokens are not a whole number of groups of 32"):
        quantize_per_channel(keys[:, :63], 2)
