"""What the two quantised caches say of themselves, and the interface that they keep to."""

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tiny
from membound.cache.kivi import KiviCache
from membound.cache.quantised import PerTokenCache
from membound.model.transformer import forward, forward_uncached
from membound.quant.kv import (
    quantize_per_channel,
    quantize_per_token,
    read_per_channel,
    read_per_token,
)

LAYERS, HEADS, WIDTH = 2, 3, 8


def per_token(**how):
    return PerTokenCache(LAYERS, **({"bits": 8} | how))


def kivi(**how):
    return KiviCache(LAYERS, HEADS, WIDTH, **({"bits": 2, "group_size": 4, "residual": 8} | how))


both = pytest.mark.parametrize("new_cache", [per_token, kivi])


def tokens(num_tokens, seed=0):
    """Keys and values of every layer: (2, LAYERS, HEADS, num_tokens, WIDTH)."""
    rng = np.random.default_rng(seed)
    return rng.normal(size=(2, LAYERS, HEADS, num_tokens, WIDTH)).astype(np.float32)


def step(cache, kv):
    """Append `kv` to every layer as a forward pass does; return what each layer attends to."""
    seen = [cache.append(layer, kv[0, layer], kv[1, layer]) for layer in range(LAYERS)]
    seen = np.array(seen).swapaxes(0, 1)
    cache.advance(kv.shape[3])
    return seen


def what_kivi_keeps(x, bits, group_size, residual):
    """Algorithm 1 of the paper for all tokens at once: what stands for `x` (2, HEADS, n, WIDTH)."""
    keys, values = x.astype(np.float16).astype(np.float32)
    old_keys = len(keys[0]) // residual * residual
    old_values = max(0, len(values[0]) - residual)
    if old_keys:
        old = quantize_per_channel(keys[:, :old_keys], bits, group_size=group_size)
        keys[:, :old_keys] = read_per_channel(old)
    if old_values:
        old = quantize_per_token(values[:, :old_values], bits, per=group_size)
        values[:, :old_values] = read_per_token(old)
    return np.array([keys, values])


@both
def test_it_returns_float32_of_all_tokens_and_counts_them(new_cache):
    cache, kv = new_cache(), tokens(21)
    for start, end in [(0, 9), (9, 10), (10, 21)]:
        seen = step(cache, kv[..., start:end, :])
        assert seen.dtype == np.float32
        assert seen.shape == (2, LAYERS, HEADS, end, WIDTH)
        assert cache.num_tokens == end
    assert cache.capacity is None
    assert cache.visible(3) is None


@both
def test_tokens_do_not_count_before_advance(new_cache):
    cache, other, kv = new_cache(), new_cache(), tokens(12)
    step(cache, kv[..., :10, :])
    step(other, kv[..., :10, :])
    before = cache.nbytes
    cache.append(0, kv[1, 0, :, 10:], kv[0, 0, :, 10:])  # a pass that failed after the first layer
    assert (cache.num_tokens, cache.nbytes) == (10, before)
    assert np.array_equal(step(cache, kv[..., 10:, :]), step(other, kv[..., 10:, :]))


@both
def test_it_keeps_copies_of_what_a_decoder_writes_over(new_cache):
    cache, other, kv = new_cache(), new_cache(), tokens(21)
    buffer = np.empty((2, HEADS, 1, WIDTH), np.float32)  # one for all layers and tokens
    for t in range(21):
        for layer in range(LAYERS):
            buffer[:] = kv[:, layer, :, t : t + 1]
            cache.append(layer, *buffer)
        cache.advance(1)
        step(other, kv[..., t : t + 1, :])
    assert np.array_equal(step(cache, kv), step(other, kv))


@settings(deadline=None, max_examples=20)
@given(
    sizes=st.lists(st.integers(1, 9), min_size=1, max_size=5),
    bits=st.sampled_from([2, 4, 8]),
    scheme=st.sampled_from(["symmetric", "affine", "offset"]),
)
def test_per_token_it_matters_not_in_which_portions_tokens_came(sizes, bits, scheme):
    kv = tokens(sum(sizes))
    in_portions = per_token(bits=bits, scheme=scheme)
    end = 0
    for size in sizes:
        end += size
        seen = step(in_portions, kv[..., end - size : end, :])
    at_once = per_token(bits=bits, scheme=scheme)
    assert np.array_equal(seen, step(at_once, kv))
    assert in_portions.nbytes == at_once.nbytes
    for layer in range(LAYERS):
        expected = read_per_token(quantize_per_token(kv[0, layer], bits, scheme=scheme))
        assert np.array_equal(seen[0, layer], expected)


@settings(deadline=None, max_examples=20)
@given(sizes=st.lists(st.integers(1, 20), min_size=1, max_size=5), bits=st.sampled_from([2, 4]))
def test_kivi_shows_the_past_as_it_is_kept_and_the_new_tokens_as_they_are(sizes, bits):
    cache, kv, end = kivi(bits=bits), tokens(sum(sizes)), 0
    for size in sizes:
        seen = step(cache, kv[..., end : end + size, :])
        assert np.array_equal(seen[..., end:, :], kv[..., end : end + size, :])
        for layer in range(LAYERS):
            kept = what_kivi_keeps(kv[:, layer, :, :end], bits, 4, 8)
            assert np.array_equal(seen[:, layer, :, :end], kept)
        end += size


@pytest.mark.parametrize(
    ("how", "bits_per_value"),
    [
        ({"bits": 8}, 8 + 16 / 8),
        ({"bits": 4, "per": 4, "scheme": "offset"}, 4 + 32 / 4),
        ({"bits": 2, "scheme": "offset"}, 2 + 32 / 8),
    ],
)
def test_per_token_the_bytes_are_codes_and_scales(how, bits_per_value):
    cache = per_token(**how)
    step(cache, tokens(20))
    assert cache.nbytes == 2 * LAYERS * HEADS * 20 * WIDTH * bits_per_value / 8


def test_kivi_s_bytes_are_codes_lines_and_recent_tokens_in_float16():
    cache = kivi(bits=2)
    step(cache, tokens(21))
    # 21 tokens: 16 keys and 13 values are old, at 2 bits and two float16 for 4 values.
    old, recent = 16 + 13, 5 + 8
    assert cache.nbytes == LAYERS * HEADS * WIDTH * (old * (2 + 32 / 4) + recent * 16) / 8


@pytest.mark.parametrize(
    "new_cache",
    [lambda: PerTokenCache(4, bits=4), lambda: KiviCache(4, 8, 64, bits=2)],
    ids=["per_token", "kivi"],
)
def test_nbytes_is_the_memory_that_is_held_between_steps(new_cache):
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        cache = new_cache()
        for num_tokens in (500, 1, 15):
            for layer in range(4):
                cache.append(layer, *np.ones((2, 8, num_tokens, 64), np.float32))
            cache.advance(num_tokens)
        held = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    assert cache.nbytes < held < 1.02 * cache.nbytes + 10_000


@both
def test_an_empty_cache_can_be_emptied(new_cache):
    cache = new_cache()
    cache.truncate(0)
    assert (cache.num_tokens, cache.nbytes) == (0, 0)


@pytest.mark.parametrize("num_kept", [0, 1, 5, 12])
def test_a_truncated_per_token_cache_goes_on_as_if_the_rest_had_never_come(num_kept):
    cache, other, kv, more = per_token(), per_token(), tokens(12), tokens(3, seed=1)
    step(cache, kv)
    cache.truncate(num_kept)
    if num_kept:
        step(other, kv[..., :num_kept, :])
    assert (cache.num_tokens, cache.nbytes) == (num_kept, other.nbytes)
    assert np.array_equal(step(cache, more), step(other, more))


@pytest.mark.parametrize(("num_tokens", "num_kept"), [(7, 0), (7, 3), (8, 8), (12, 12), (12, 0)])
def test_a_truncated_kivi_cache_goes_on_as_if_the_rest_had_never_come(num_tokens, num_kept):
    cache, other, kv, more = kivi(), kivi(), tokens(num_tokens), tokens(9, seed=1)
    step(cache, kv)
    cache.truncate(num_kept)
    if num_kept:
        step(other, kv[..., :num_kept, :])
    assert (cache.num_tokens, cache.nbytes) == (num_kept, other.nbytes)
    for start in range(9):
        one = more[..., start : start + 1, :]
        assert np.array_equal(step(cache, one), step(other, one))


@pytest.mark.parametrize(("num_tokens", "num_kept"), [(8, 7), (12, 11), (12, 3)])
def test_kivi_does_not_go_back_to_tokens_whose_numbers_are_gone(num_tokens, num_kept):
    cache = kivi()
    step(cache, tokens(num_tokens))
    with pytest.raises(ValueError, match=f"{num_kept} tokens would need exact ones"):
        cache.truncate(num_kept)


@both
@pytest.mark.parametrize("num_tokens", [-1, 4])
def test_truncate_cannot_invent_tokens(new_cache, num_tokens):
    cache = new_cache()
    step(cache, tokens(3))
    with pytest.raises(ValueError, match=f"can keep 0 to 3 tokens, got {num_tokens}"):
        cache.truncate(num_tokens)


@pytest.mark.parametrize(
    "how", [{"residual": 6}, {"group_size": 3, "residual": 9}, {"residual": 0}]
)
def test_kivi_needs_whole_groups(how):
    with pytest.raises(ValueError, match="must be multiples of group_size"):
        kivi(**how)


@pytest.mark.parametrize(
    "cache", [PerTokenCache(3, bits=8), KiviCache(3, 2, 8, bits=8, group_size=8, residual=8)]
)
def test_a_decoder_on_8_bits_says_almost_what_it_says_without(cache):
    weights, text = tiny.weights(), np.random.default_rng(0).integers(0, 50, 40)
    logits = [forward(weights, text[:20], cache)]
    logits += [forward(weights, [token], cache) for token in text[20:]]
    exact = forward_uncached(weights, text)
    error = np.abs(np.concatenate(logits) - exact)
    assert 1e-4 < error.max() < 0.05 * np.abs(exact).max()
