"""Each test is one sentence that `membound.cache.blocks.pool` says of itself."""

import pytest

from membound.cache.blocks.errors import (
    BlockError,
    DoubleFreeError,
    OutOfBlocksError,
    SharedBlockError,
)
from membound.cache.blocks.pool import BlockPool


def test_every_block_is_taken_once_and_then_there_are_none():
    pool = BlockPool(3)
    assert [pool.take() for _ in range(3)] == [0, 1, 2]  # side by side while the pool is fresh
    with pytest.raises(OutOfBlocksError, match="1 blocks are needed, 0 of 3 are free or idle"):
        pool.take()


def test_the_last_holder_frees_a_block():
    pool = BlockPool(1)
    block = pool.take()
    pool.share(block)
    pool.release(block)
    assert (pool.num_holders(block), pool.num_available) == (1, 0)
    pool.release(block)
    assert (pool.num_holders(block), pool.num_available) == (0, 1)


def test_a_text_freed_from_its_end_leaves_its_blocks_in_order():
    pool = BlockPool(5)
    for block in reversed([pool.take() for _ in range(3)]):
        pool.release(block)
    assert [pool.take() for _ in range(5)] == [0, 1, 2, 3, 4]


def test_a_block_that_nobody_holds_cannot_be_freed_shared_or_remembered():
    pool = BlockPool(2)
    pool.release(pool.take())
    for misuse in (pool.release, pool.share, lambda block: pool.remember(block, b"x")):
        with pytest.raises(DoubleFreeError, match="block 0 is held by nobody"):
            misuse(0)
    assert pool.num_available == 2


@pytest.mark.parametrize("block_id", [-1, 2])
def test_a_block_that_does_not_exist_is_refused(block_id):
    with pytest.raises(BlockError, match=f"block ids go from 0 to 1, got {block_id}"):
        BlockPool(2).release(block_id)


def test_only_a_block_with_one_holder_and_no_name_may_be_written_to():
    pool = BlockPool(2)
    block = pool.take()
    pool.check_writable(block)
    pool.share(block)
    with pytest.raises(SharedBlockError, match="block 0 has 2 holders"):
        pool.check_writable(block)
    pool.release(block)
    pool.remember(block, b"text")
    with pytest.raises(SharedBlockError, match="can be found by its content"):
        pool.check_writable(block)
    pool.forget(block)
    pool.check_writable(block)
    with pytest.raises(SharedBlockError, match="block 1 has 0 holders"):
        pool.check_writable(1)


def test_a_remembered_block_is_found_whether_it_is_held_or_idle():
    pool = BlockPool(2)
    block = pool.take()
    pool.remember(block, b"text")
    assert pool.reuse(b"text") == block
    assert pool.num_holders(block) == 2
    pool.release(block)
    pool.release(block)
    assert (pool.num_idle, pool.num_available) == (1, 2)
    assert pool.reuse(b"text") == block
    assert (pool.num_holders(block), pool.num_idle) == (1, 0)
    assert pool.reuse(b"another") is None


def test_free_blocks_go_first_then_the_idle_one_that_waited_longest():
    pool = BlockPool(4)
    blocks = [pool.take() for _ in range(3)]
    for block in blocks:
        pool.remember(block, bytes([block]))
    for block in (1, 0, 2):
        pool.release(block)
    pool.release(pool.reuse(bytes([1])))  # used again: now it has waited least
    assert [pool.take() for _ in range(4)] == [3, 0, 2, 1]
    assert [pool.reuse(bytes([block])) for block in blocks] == [None, None, None]
