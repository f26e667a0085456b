"""Each test is one sentence that `membound.decode.roundings` says of itself."""

import numpy as np
import pytest

from membound.attention.plain import attention
from membound.cache.kivi import KiviCache
from membound.decode.roundings import (
    attention_with_recent,
    gguf_blocks,
    integers,
    keys_per_channel,
)
from membound.quant import blocks
from membound.quant.integer import quantize
from membound.quant.kv import quantize_per_token, read_per_token


@pytest.fixture
def array() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(4, 64, 32)).astype(np.float32)


def test_integers_are_what_quantize_gives_and_takes(array):
    rounded, num_bytes = integers(4, 16, "offset")(array)
    quantized = quantize(array, bits=4, per=16, scheme="offset", scale_dtype=np.float16)
    assert np.array_equal(rounded, quantized.dequantize())
    assert num_bytes == quantized.nbytes == array.size * (4 + 32 / 16) / 8


def test_blocks_are_what_the_format_gives_and_takes(array):
    rounded, num_bytes = gguf_blocks("Q4_0")(array)
    raw = blocks.quantize(array, "Q4_0")
    assert np.array_equal(rounded, blocks.dequantize(raw, "Q4_0", array.shape))
    assert num_bytes == array.size * 4.5 / 8


def test_a_token_s_head_is_a_row(array):
    rounded, num_bytes = integers(8, "row")(array)
    per_token = quantize_per_token(array, 8, scheme="symmetric")
    assert np.array_equal(rounded, read_per_token(per_token))
    assert num_bytes == per_token.nbytes


def test_keys_per_channel_share_a_line_over_tokens(array):
    array[:, :, 3] += 50
    rounded, num_bytes = keys_per_channel(4)(array)
    assert rounded.shape == array.shape
    assert np.abs(rounded - array)[:, :, 3].max() < 0.5
    assert num_bytes == array.size * 5 / 8


@pytest.mark.parametrize("residual", [4, 8, 16, 64])
def test_all_at_once_is_what_the_kivi_cache_shows_token_by_token(residual):
    rng = np.random.default_rng(residual)
    q = rng.normal(size=(6, 32, 8)).astype(np.float32)
    k, v = rng.normal(size=(2, 2, 32, 8)).astype(np.float16).astype(np.float32)
    cache, one_by_one = KiviCache(1, 2, 8, bits=2, group_size=4, residual=residual), []
    for t in range(32):
        keys, values = cache.append(0, k[:, t : t + 1], v[:, t : t + 1])
        one_by_one.append(attention(q[:, t : t + 1], keys, values))
        cache.advance(1)
    at_once = attention_with_recent(
        q,
        k,
        v,
        rounded_k=keys_per_channel(2, 4)(k)[0],
        rounded_v=integers(2, 4, "offset")(v)[0],
        residual=residual,
    )
    assert at_once.dtype == np.float32
    assert np.allclose(at_once, np.concatenate(one_by_one, axis=1), atol=1e-5)
    assert np.allclose(at_once, attention(q, k, v), atol=1e-5) == (residual == 64)
