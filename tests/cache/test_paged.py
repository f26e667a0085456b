"""Each test is one sentence that `membound.cache.paged` says of itself."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from membound.attention.paged import paged_attention
from membound.attention.plain import attention
from membound.cache.blocks.errors import OutOfBlocksError, SwappedOutError, UnknownSequenceError
from membound.cache.paged import PagedMemory

LAYERS, HEADS, WIDTH = 2, 3, 4


def new_memory(num_blocks=16, block_size=4, **options):
    return PagedMemory(
        LAYERS, HEADS, WIDTH, num_blocks=num_blocks, block_size=block_size, **options
    )


def shuffled_memory(num_blocks=16, block_size=4, seed=0, **options):
    """A memory that has been in use: its free blocks come in any order and are full of rubbish."""
    memory = new_memory(num_blocks, block_size, **options)
    memory.store[:] = np.nan
    blocks = [memory.manager.pool.take() for _ in range(num_blocks)]
    for block in np.random.default_rng(seed).permutation(blocks).tolist():
        memory.manager.pool.release(block)
    return memory


def tokens(num_tokens, seed=0):
    """Keys and values of every layer: (2, LAYERS, HEADS, num_tokens, WIDTH)."""
    rng = np.random.default_rng(seed)
    return rng.normal(size=(2, LAYERS, HEADS, num_tokens, WIDTH)).astype(np.float32)


def step(cache, kv):
    """Append `kv` to every layer as a forward pass does; return what each layer attends to."""
    seen = [np.array(cache.append(layer, kv[0, layer], kv[1, layer])) for layer in range(LAYERS)]
    cache.advance(kv.shape[3])
    return np.array(seen).swapaxes(0, 1)


def joined(*parts):
    return np.concatenate(parts, axis=3)


@pytest.mark.parametrize("memory", [new_memory, shuffled_memory])
@settings(deadline=None, max_examples=25)
@given(sizes=st.lists(st.integers(1, 6), min_size=1, max_size=6), block_size=st.integers(1, 5))
def test_what_went_in_comes_back_in_order(memory, sizes, block_size):
    cache, kv, end = memory(40, block_size).start(), tokens(sum(sizes)), 0
    for size in sizes:
        end += size
        assert np.array_equal(step(cache, kv[..., end - size : end, :]), kv[..., :end, :])
        assert cache.num_tokens == end
        assert cache.visible(size) is None


def test_tokens_do_not_count_before_advance():
    cache, kv = shuffled_memory().start(), tokens(8)
    step(cache, kv[..., :3, :])
    for num_failed in (1, 4):  # passes that failed after the first layer
        failed = tokens(num_failed, seed=1)
        cache.append(0, failed[0, 0], failed[1, 0])
        assert cache.num_tokens == 3
    assert np.array_equal(step(cache, kv[..., 3:, :]), kv)


def test_a_truncated_cache_goes_on_as_if_the_rest_had_never_come():
    memory = shuffled_memory()
    cache, kv, other = memory.start(), tokens(10), tokens(3, seed=1)
    step(cache, kv)
    cache.truncate(5)
    assert memory.manager.pool.num_available == 16 - 2
    assert np.array_equal(step(cache, other), joined(kv[..., :5, :], other))
    with pytest.raises(ValueError, match="can keep 0 to 8 tokens, got 9"):
        cache.truncate(9)


def test_blocks_side_by_side_are_returned_where_they_lie_and_others_are_copied():
    fresh, used = new_memory(), shuffled_memory()
    for memory, in_place in ((fresh, True), (used, False)):
        cache, kv = memory.start(), tokens(9)
        keys, values = cache.append(0, kv[0, 0], kv[1, 0])
        assert np.shares_memory(keys, memory.store) is in_place
        assert np.shares_memory(values, memory.store) is in_place


def test_the_block_table_is_one_that_paged_attention_takes():
    memory = shuffled_memory()
    cache, kv = memory.start(), tokens(9)
    step(cache, kv)
    q = np.random.default_rng(1).normal(size=(2 * HEADS, 2, WIDTH)).astype(np.float32)
    for layer in range(LAYERS):
        out = paged_attention(q, *memory.store[layer], cache.block_table, 9)
        assert np.array_equal(out, attention(q, *kv[:, layer]))


def test_two_sequences_that_begin_alike_share_the_blocks_of_their_beginning():
    memory, kv, other = shuffled_memory(), tokens(10), tokens(2, seed=1)
    first = memory.start(range(10))
    step(first, kv)
    second = memory.start([*range(8), 50, 51])
    assert second.num_tokens == 8
    assert second.block_table.tolist() == first.block_table[:2].tolist()
    assert np.array_equal(step(second, other), joined(kv[..., :8, :], other))
    assert memory.manager.pool.num_available == 16 - 4
    assert np.array_equal(step(first, other[..., :1, :]), joined(kv, other[..., :1, :]))


def test_tokens_said_to_be_expected_are_found_by_others_and_no_others_are():
    memory = shuffled_memory()
    told, silent = memory.start([1, 2]), memory.start([3, 4])
    for cache in (told, silent):
        step(cache, tokens(2))
    told.expect([5, 6, 7])
    for cache in (told, silent):
        step(cache, tokens(3))
    assert memory.start([1, 2, 5, 6, 7]).num_tokens == 4
    assert memory.start([3, 4, 5, 6, 7]).num_tokens == 0


def test_tokens_taken_back_are_no_longer_expected():
    memory = shuffled_memory()
    cache = memory.start([1, 2, 3, 4, 5])
    step(cache, tokens(2))
    cache.truncate(1)
    step(cache, tokens(3))  # which nobody named, and are not 3, 4, 5
    assert memory.start([1, 3, 4, 5, 6]).num_tokens == 0


@pytest.mark.parametrize("num_past", [4, 5])  # the next token in a new block, or in a filled one
@pytest.mark.parametrize("interrupt", ["fork", "swap", "truncate"])
def test_a_pass_that_was_interrupted_begins_anew(interrupt, num_past):
    memory, kv = shuffled_memory(num_swap_blocks=4), tokens(num_past + 1)
    cache, half_way = memory.start(), tokens(1, seed=1)
    step(cache, kv[..., :num_past, :])
    cache.append(0, half_way[0, 0], half_way[1, 0])
    if interrupt == "fork":
        other, third = cache.fork(), cache.fork()
    elif interrupt == "swap":
        cache.swap_out()
        other = memory.start()
        cache.swap_in()
    else:
        cache.truncate(num_past)
        other = memory.start()
    past = kv[..., : other.num_tokens, :]
    assert np.array_equal(step(other, half_way), joined(past, half_way))
    assert np.array_equal(step(cache, kv[..., num_past:, :]), kv)
    assert np.array_equal(step(other, half_way), joined(past, half_way, half_way))
    if interrupt == "fork":
        assert np.array_equal(step(third, half_way), joined(past, half_way))


def test_a_fork_shares_all_and_copies_what_it_writes_to():
    memory, kv = shuffled_memory(), tokens(6)
    cache = memory.start()
    step(cache, kv)
    forks = [cache.fork() for _ in range(3)]
    assert memory.manager.pool.num_available == 16 - 2
    for seed, fork in enumerate([cache, *forks]):
        own = tokens(1, seed=seed + 1)
        assert np.array_equal(step(fork, own), joined(kv, own))
    # One full block for all, and a last one for each: the last of four to write needs no copy.
    assert memory.manager.pool.num_available == 16 - 1 - 4
    own = tokens(1, seed=9)
    assert np.array_equal(step(cache, own), joined(kv, tokens(1, seed=1), own))


def test_a_sequence_comes_back_from_the_swap_store_as_it_was():
    memory, kv = shuffled_memory(num_swap_blocks=3, prefix_caching=False), tokens(11)
    cache = memory.start()
    step(cache, kv[..., :10, :])
    cache.swap_out()
    assert memory.manager.pool.num_available == 16
    with pytest.raises(SwappedOutError):
        cache.append(0, kv[0, 0], kv[1, 0])
    intruder = memory.start()
    step(intruder, tokens(5, seed=1))
    cache.swap_in()
    assert np.array_equal(step(cache, kv[..., 10:, :]), kv)


def test_when_no_block_is_left_it_says_so_and_nothing_is_lost():
    memory, kv = new_memory(num_blocks=2), tokens(9)
    cache = memory.start()
    step(cache, kv[..., :8, :])
    with pytest.raises(OutOfBlocksError, match="1 blocks are needed, 0 of 2 are free or idle"):
        cache.append(0, kv[0, 0, :, 8:], kv[1, 0, :, 8:])
    cache.truncate(7)
    assert np.array_equal(step(cache, kv[..., 7:8, :]), kv[..., :8, :])


def test_its_bytes_are_those_of_its_blocks():
    memory = new_memory()
    cache = memory.start()
    assert cache.nbytes == 0
    step(cache, tokens(5))
    assert memory.block_bytes == 2 * LAYERS * HEADS * WIDTH * 4 * 4
    assert cache.nbytes == 2 * memory.block_bytes
    assert cache.capacity == 64


def test_a_freed_cache_is_unknown():
    memory = new_memory()
    cache = memory.start()
    step(cache, tokens(5))
    cache.free()
    assert memory.manager.pool.num_available == 16
    with pytest.raises(UnknownSequenceError):
        cache.append(0, *tokens(1)[:, 0])


def test_sizes_that_make_no_sense_are_refused():
    with pytest.raises(ValueError, match="must be positive, got 0, 3 and 4"):
        PagedMemory(0, 3, 4, num_blocks=1)


def test_a_pass_over_no_tokens_returns_the_past_even_where_there_is_none():
    memory, kv = shuffled_memory(), tokens(5)
    cache = memory.start()
    for num_past in (0, 5):
        nothing = tokens(0)[:, 0]
        assert np.array_equal(cache.append(0, *nothing), kv[:, 0, :, :num_past])
        step(cache, kv[..., : 5 - num_past, :])
