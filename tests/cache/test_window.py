"""Each test is one sentence that `membound.cache.window` says of itself."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from membound.attention.plain import attention
from membound.attention.window import window_mask
from membound.cache.contiguous import ContiguousCache
from membound.cache.window import WindowCache

LAYERS, HEADS, WIDTH = 2, 2, 4


def random_text(num_tokens, seed=0):
    """Queries, keys and values of every layer: (3, LAYERS, HEADS, num_tokens, WIDTH)."""
    rng = np.random.default_rng(seed)
    return rng.normal(size=(3, LAYERS, HEADS, num_tokens, WIDTH)).astype(np.float32)


def step(cache, text):
    """Attend with every layer as a forward pass does: (LAYERS, HEADS, T, WIDTH)."""
    out = []
    for layer in range(LAYERS):
        q, k, v = text[:, layer]
        keys, values = cache.append(layer, k, v)
        out.append(attention(q, keys, values, visible=cache.visible(q.shape[1])))
    cache.advance(text.shape[3])
    return np.array(out)


def new_cache(window, num_sinks=0):
    return WindowCache(LAYERS, HEADS, WIDTH, window=window, num_sinks=num_sinks)


def masked(text, window, num_sinks, num_new):
    """The last rows of plain attention over the whole text under the window's mask."""
    num_tokens = text.shape[3]
    visible = window_mask(num_new, num_tokens, window, num_sinks)
    return np.array(
        [attention(q[:, -num_new:], k, v, visible=visible) for q, k, v in text.swapaxes(0, 1)]
    )


@settings(deadline=None, max_examples=80)
@given(
    sizes=st.lists(st.integers(1, 9), min_size=1, max_size=8),
    window=st.integers(1, 12),
    num_sinks=st.integers(0, 4),
)
def test_chunks_of_any_size_equal_plain_attention_under_the_same_mask(sizes, window, num_sinks):
    cache, text, end = new_cache(window, num_sinks), random_text(sum(sizes)), 0
    for size in sizes:
        end += size
        out = step(cache, text[..., end - size : end, :])
        expected = masked(text[..., :end, :], window, num_sinks, size)
        assert out.dtype == np.float32
        assert np.allclose(out, expected, atol=1e-5)
        assert cache.num_tokens == end


def test_a_prefill_longer_than_the_window_leaves_what_the_next_token_sees():
    cache, text = new_cache(window=4, num_sinks=2), random_text(30)
    step(cache, text[..., :29, :])
    assert np.allclose(step(cache, text[..., 29:, :]), masked(text, 4, 2, 1), atol=1e-5)


def test_until_the_window_is_full_it_equals_a_contiguous_cache_bit_for_bit():
    text = random_text(9)
    window, whole = new_cache(window=6, num_sinks=3), ContiguousCache(LAYERS, HEADS, WIDTH, 9)
    for part in (slice(0, 5), slice(5, 6), slice(6, 9)):
        assert window.visible(part.stop - part.start) is None
        assert np.array_equal(step(window, text[..., part, :]), step(whole, text[..., part, :]))


def test_its_memory_does_not_grow_with_the_text():
    cache = new_cache(window=6, num_sinks=3)
    step(cache, random_text(50))
    assert cache.nbytes == 2 * LAYERS * HEADS * (6 + 3) * WIDTH * 4
    assert cache.capacity is None
    keys, _ = cache.append(0, *random_text(1)[1:, 0])
    assert keys.shape == (HEADS, 6 + 3, WIDTH)
    assert np.shares_memory(keys, cache.append(0, *random_text(1)[1:, 0])[0])


@pytest.mark.parametrize("num_failed", [1, 3, 7])
@pytest.mark.parametrize("num_next", [1, 2, 8])
def test_a_pass_that_failed_leaves_the_cache_as_it_was(num_failed, num_next):
    cache, text = new_cache(window=4, num_sinks=1), random_text(11 + num_next)
    step(cache, text[..., :10, :])
    failed = random_text(num_failed, seed=1)
    cache.append(0, failed[1, 0], failed[2, 0])
    assert cache.num_tokens == 10
    out = step(cache, text[..., 10:-1, :])
    assert np.allclose(out, masked(text[..., :-1, :], 4, 1, num_next), atol=1e-5)
    assert np.allclose(step(cache, text[..., -1:, :]), masked(text, 4, 1, 1), atol=1e-5)


@settings(deadline=None, max_examples=60)
@given(
    num_tokens=st.integers(1, 14),
    keep=st.integers(0, 14),
    num_next=st.integers(1, 3),
    window=st.integers(1, 6),
    num_sinks=st.integers(0, 3),
)
def test_a_truncated_cache_goes_on_rightly_or_refuses(
    num_tokens, keep, num_next, window, num_sinks
):
    keep = min(keep, num_tokens)
    cache, text, other = new_cache(window, num_sinks), random_text(14), random_text(3, seed=1)
    step(cache, text[..., :num_tokens, :])
    needed = range(max(num_sinks, keep - window + 1), keep)
    gone = range(num_sinks, num_tokens - window + 1)
    if set(needed) & set(gone):
        with pytest.raises(ValueError, match=f"cannot go back from {num_tokens} to {keep} tokens"):
            cache.truncate(keep)
        assert cache.num_tokens == num_tokens
        return
    cache.truncate(keep)
    goes_on = np.concatenate([text[..., :keep, :], other[..., :num_next, :]], axis=3)
    out = step(cache, other[..., :num_next, :])
    assert np.allclose(out, masked(goes_on, window, num_sinks, num_next), atol=1e-5)


def test_what_cannot_be_is_refused():
    with pytest.raises(ValueError, match="window must be at least 1"):
        new_cache(window=0)
    with pytest.raises(ValueError, match="must be positive"):
        WindowCache(0, HEADS, WIDTH, window=2)
    with pytest.raises(ValueError, match="can keep 0 to 0 tokens, got 1"):
        new_cache(window=2).truncate(1)
