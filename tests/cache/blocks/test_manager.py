"""Each test is one sentence that `membound.cache.blocks.manager` says of itself."""

import pytest

from membound.cache.blocks.errors import (
    BlockTableTooShortError,
    KnownSequenceError,
    OutOfBlocksError,
    SharedBlockError,
    SwappedOutError,
    UnknownSequenceError,
)
from membound.cache.blocks.manager import BlockCopy, BlockManager


def new_manager(num_blocks=6, *, num_swap_blocks=2, prefix_caching=True):
    return BlockManager(
        num_blocks, 4, num_swap_blocks=num_swap_blocks, prefix_caching=prefix_caching
    )


def begin(manager, name, tokens):
    """Start a sequence and process what is not there yet."""
    num_cached = manager.start(name, tokens)
    extend(manager, name, tokens[num_cached:])
    return num_cached


def extend(manager, name, tokens):
    copies = manager.reserve(name, len(tokens))
    blocks, places = manager.slots(name, len(tokens))
    manager.commit(name, len(tokens), tokens)
    return copies, blocks.tolist(), places.tolist()


def test_tokens_go_behind_each_other_and_into_a_new_block_when_one_is_full():
    manager = new_manager()
    manager.start("a")
    assert extend(manager, "a", [1, 2, 3]) == ([], [0, 0, 0], [0, 1, 2])
    assert extend(manager, "a", [4, 5]) == ([], [0, 1], [3, 0])
    assert manager.block_table("a").tolist() == [0, 1]
    assert manager.num_tokens("a") == 5
    assert manager.pool.num_available == 4


def test_reserving_does_not_count_and_is_not_repeated():
    manager = new_manager()
    manager.start("a")
    manager.reserve("a", 6)
    manager.reserve("a", 6)
    assert manager.num_tokens("a") == 0
    assert manager.block_table("a").tolist() == [0, 1]
    manager.truncate("a", 0)
    assert manager.pool.num_available == 6


def test_a_fork_copies_no_block_until_one_of_the_two_writes():
    manager = new_manager()
    begin(manager, "a", [1, 2, 3, 4, 5])
    manager.fork("a", "b")
    assert manager.block_table("b").tolist() == [0, 1]
    assert [manager.pool.num_holders(block) for block in (0, 1)] == [2, 2]
    copies, blocks, places = extend(manager, "b", [6])
    assert (copies, blocks, places) == ([BlockCopy(source=1, target=2)], [2], [1])
    assert extend(manager, "a", [7]) == ([], [1], [1])  # alone again: written in place
    assert manager.block_table("a").tolist() == [0, 1]
    assert manager.block_table("b").tolist() == [0, 2]


def test_a_fork_behind_a_full_block_never_copies():
    manager = new_manager()
    begin(manager, "a", [1, 2, 3, 4])
    manager.fork("a", "b")
    assert extend(manager, "b", [5]) == ([], [1], [0])


def test_a_shared_block_may_not_be_written_to():
    manager = new_manager()
    begin(manager, "a", [1, 2, 3])
    manager.reserve("a", 1)
    manager.fork("a", "b")
    for misuse in (manager.slots, manager.commit):
        with pytest.raises(SharedBlockError, match="block 0 has 2 holders"):
            misuse("a", 1)


def test_the_same_beginning_is_found_and_shared_in_whole_blocks():
    manager = new_manager()
    assert begin(manager, "a", [1, 2, 3, 4, 5, 6, 7, 8, 9]) == 0
    assert begin(manager, "b", [1, 2, 3, 4, 5, 6, 7, 8, 10]) == 8
    assert manager.block_table("b").tolist() == [0, 1, 3]
    assert manager.start("c", [1, 2, 3, 4, 0, 6, 7, 8, 9]) == 4
    assert manager.start("d", [0, 2, 3, 4]) == 0


def test_the_last_token_is_always_computed():
    manager = new_manager()
    begin(manager, "a", [1, 2, 3, 4, 5, 6, 7, 8])
    assert manager.start("b", [1, 2, 3, 4, 5, 6, 7, 8]) == 4


def test_a_freed_text_is_still_found_until_its_room_is_needed():
    manager, text = new_manager(4), list(range(9))
    begin(manager, "a", text)
    manager.free("a")
    assert (manager.pool.num_available, manager.pool.num_idle) == (4, 2)
    assert begin(manager, "a", text) == 8  # preempted by recomputing, it recomputes little
    manager.free("a")
    begin(manager, "b", [50] * 9)  # takes both free blocks, and evicts the end of the text first
    assert manager.start("a", text) == 4


def test_tokens_that_nobody_knows_are_found_by_nobody():
    manager = new_manager()
    manager.start("a")
    manager.reserve("a", 8)
    manager.commit("a", 8, [1, 2, 3, 4])
    assert manager.start("b", [1, 2, 3, 4, 5, 6, 7, 8, 9]) == 4
    manager.reserve("a", 1)
    with pytest.raises(ValueError, match="1 tokens cannot have 2 token ids"):
        manager.commit("a", 1, [1, 2])


def test_without_prefix_caching_nothing_is_found():
    manager = new_manager(prefix_caching=False)
    begin(manager, "a", [1, 2, 3, 4, 5])
    assert manager.start("b", [1, 2, 3, 4, 5]) == 0
    manager.free("a")
    assert manager.pool.num_idle == 0


def test_a_truncated_block_is_no_longer_found_once_it_is_written_to():
    manager = new_manager()
    begin(manager, "a", [1, 2, 3, 4])
    manager.truncate("a", 2)
    for misuse in (manager.slots, manager.commit):
        with pytest.raises(SharedBlockError, match="can be found by its content"):
            misuse("a", 1)
    assert extend(manager, "a", [9]) == ([], [0], [2])
    assert manager.start("b", [1, 2, 3, 4, 5]) == 0


def test_swapping_out_frees_the_blocks_and_swapping_in_takes_others():
    manager = new_manager(3, prefix_caching=False)
    begin(manager, "a", [1, 2, 3, 4, 5])
    assert manager.swap_out("a") == [BlockCopy(0, 0), BlockCopy(1, 1)]
    assert (manager.pool.num_available, manager.swap_pool.num_available) == (3, 0)
    begin(manager, "b", [1])
    assert manager.swap_in("a") == [BlockCopy(0, 1), BlockCopy(1, 2)]
    assert manager.block_table("a").tolist() == [1, 2]
    assert (manager.pool.num_available, manager.swap_pool.num_available) == (0, 2)
    assert extend(manager, "a", [6]) == ([], [2], [1])


def test_what_comes_back_from_swap_can_be_found_again():
    manager = new_manager(3)
    begin(manager, "a", [1, 2, 3, 4, 5])
    manager.swap_out("a")
    begin(manager, "b", [9] * 12)  # takes every block, and evicts what "a" left idle
    manager.free("b")
    assert manager.start("c", [1, 2, 3, 4, 5]) == 0
    manager.swap_in("a")
    assert manager.start("d", [1, 2, 3, 4, 5]) == 4
    assert manager.block_table("d").tolist() == manager.block_table("a").tolist()[:1]


def test_a_swapped_out_sequence_can_be_freed_and_nothing_else():
    manager = new_manager()
    begin(manager, "a", [1])
    manager.swap_out("a")
    for misuse in (
        lambda: manager.reserve("a", 1),
        lambda: manager.fork("a", "b"),
        lambda: manager.swap_out("a"),
        lambda: manager.block_table("a"),
    ):
        with pytest.raises(SwappedOutError, match="'a' is swapped out"):
            misuse()
    manager.free("a")
    assert (manager.pool.num_available, manager.swap_pool.num_available) == (6, 2)
    begin(manager, "a", [1])
    with pytest.raises(SwappedOutError, match="'a' is not swapped out"):
        manager.swap_in("a")


def test_what_does_not_fit_changes_nothing():
    manager = new_manager(2, num_swap_blocks=0)
    begin(manager, "a", [1, 2, 3])
    manager.fork("a", "b")
    with pytest.raises(OutOfBlocksError, match="2 blocks are needed, 1 of 2 are free or idle"):
        manager.reserve("b", 2)  # one for the copy on write, one behind it
    assert manager.block_table("b").tolist() == [0]
    assert manager.pool.num_available == 1
    with pytest.raises(OutOfBlocksError, match="1 blocks are needed, 0 of 0"):
        manager.swap_out("a")
    assert manager.block_table("a").tolist() == [0]


def test_what_was_not_reserved_may_not_be_written_or_counted():
    manager = new_manager()
    manager.start("a")
    for misuse in (manager.slots, manager.commit):
        with pytest.raises(BlockTableTooShortError, match="1 tokens after 0 do not fit 0 blocks"):
            misuse("a", 1)


def test_sequences_are_started_once_and_freed_once():
    manager = new_manager()
    manager.start("a")
    with pytest.raises(KnownSequenceError, match="'a' is started already"):
        manager.start("a")
    with pytest.raises(KnownSequenceError, match="'a' is started already"):
        manager.fork("a", "a")
    assert manager.sequence_ids == ("a",)
    manager.free("a")
    with pytest.raises(UnknownSequenceError, match="there is no sequence 'a'"):
        manager.free("a")


def test_numbers_that_make_no_sense_are_refused():
    with pytest.raises(ValueError, match="must be positive, got 0 and 4"):
        new_manager(0)
    manager = new_manager()
    manager.start("a")
    with pytest.raises(ValueError, match="must not be negative, got -1"):
        manager.reserve("a", -1)
    with pytest.raises(ValueError, match="can keep 0 to 0 tokens, got 1"):
        manager.truncate("a", 1)
