"""What every cache promises (`membound.cache.interface`), and what each says of itself."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from membound.cache.concatenated import ConcatenatedCache
from membound.cache.contiguous import ContiguousCache

LAYERS, HEADS, WIDTH = 2, 3, 4

both = pytest.mark.parametrize(
    "new_cache",
    [
        lambda: ContiguousCache(LAYERS, HEADS, WIDTH, capacity=16),
        lambda: ConcatenatedCache(LAYERS, HEADS, WIDTH),
    ],
    ids=["contiguous", "concatenated"],
)


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


@both
@settings(deadline=None, max_examples=25)
@given(sizes=st.lists(st.integers(1, 4), min_size=1, max_size=4))
def test_what_went_in_comes_back_in_order(new_cache, sizes):
    cache, kv = new_cache(), tokens(sum(sizes))
    end = 0
    for size in sizes:
        end += size
        assert np.array_equal(step(cache, kv[..., end - size : end, :]), kv[..., :end, :])
        assert cache.num_tokens == end


@both
def test_tokens_do_not_count_before_advance(new_cache):
    cache, kv = new_cache(), tokens(3)
    step(cache, kv[..., :2, :])
    cache.append(0, kv[0, 0, :, :1], kv[1, 0, :, :1])  # a pass that failed after the first layer
    assert cache.num_tokens == 2
    assert np.array_equal(step(cache, kv[..., 2:, :]), kv)


@both
def test_a_truncated_cache_goes_on_as_if_the_rest_had_never_come(new_cache):
    cache, kv, other = new_cache(), tokens(6), tokens(2, seed=1)
    step(cache, kv)
    cache.truncate(4)
    assert cache.num_tokens == 4
    assert np.array_equal(step(cache, other), np.concatenate([kv[..., :4, :], other], axis=3))
    cache.truncate(0)
    assert np.array_equal(step(cache, other), other)


@both
@pytest.mark.parametrize("num_tokens", [-1, 4])
def test_truncate_cannot_invent_tokens(new_cache, num_tokens):
    cache = new_cache()
    step(cache, tokens(3))
    with pytest.raises(ValueError, match=f"can keep 0 to 3 tokens, got {num_tokens}"):
        cache.truncate(num_tokens)


@both
def test_attention_is_causal(new_cache):
    assert new_cache().visible(3) is None


def test_a_contiguous_cache_never_copies_the_past():
    cache = ContiguousCache(LAYERS, HEADS, WIDTH, capacity=16)
    room = cache.append(0, *tokens(16)[:, 0])[0]
    before = room.__array_interface__["data"]
    for _ in range(16):
        keys, values = cache.append(0, *tokens(1)[:, 0])
        assert np.shares_memory(keys, room)
        assert keys.__array_interface__["data"] == before
        assert not np.shares_memory(values, room)
        cache.advance(1)


def test_a_contiguous_cache_holds_its_room_from_the_start():
    cache = ContiguousCache(LAYERS, HEADS, WIDTH, capacity=16)
    assert cache.nbytes == 2 * LAYERS * HEADS * 16 * WIDTH * 4
    step(cache, tokens(5))
    assert cache.nbytes == 2 * LAYERS * HEADS * 16 * WIDTH * 4
    assert cache.capacity == 16


def test_a_full_contiguous_cache_refuses_and_keeps_what_it_has():
    cache, kv = ContiguousCache(LAYERS, HEADS, WIDTH, capacity=4), tokens(4)
    step(cache, kv)
    with pytest.raises(ValueError, match="1 new tokens after 4 exceed capacity 4"):
        step(cache, tokens(1))
    cache.truncate(3)
    assert np.array_equal(step(cache, kv[..., 3:, :]), kv)


def test_a_contiguous_cache_needs_room():
    with pytest.raises(ValueError, match="must be positive"):
        ContiguousCache(LAYERS, HEADS, WIDTH, capacity=0)


def test_a_concatenated_cache_copies_the_past_at_every_step():
    cache = ConcatenatedCache(LAYERS, HEADS, WIDTH)
    token_bytes = 2 * LAYERS * HEADS * WIDTH * 4
    for past in range(10):
        before = cache.bytes_copied
        step(cache, tokens(1))
        assert cache.bytes_copied - before == past * token_bytes
    assert cache.bytes_copied == (9 * 10 // 2) * token_bytes
    assert cache.nbytes == 10 * token_bytes
    assert cache.capacity is None


def test_a_half_precision_cache_takes_half_the_room():
    whole = ContiguousCache(2, 3, 4, 5)
    half = ContiguousCache(2, 3, 4, 5, dtype=np.float16)
    assert (whole.nbytes, half.nbytes) == (960, 480)
    keys, _ = half.append(0, np.full((3, 1, 4), 0.1, np.float32), np.zeros((3, 1, 4), np.float32))
    assert keys.dtype == np.float16
