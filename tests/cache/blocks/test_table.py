"""Each test is one sentence that `membound.cache.blocks.table` says of itself."""

import pytest

from membound.cache.blocks.errors import BlockTableTooShortError
from membound.cache.blocks.prefix import prefix_digests
from membound.cache.blocks.table import BlockTable, num_blocks_for


def test_the_last_block_may_be_partly_filled():
    assert [num_blocks_for(n, 4) for n in (0, 1, 4, 5)] == [0, 1, 1, 2]


def test_tokens_without_a_block_are_refused():
    table = BlockTable(4, [7, 8], num_tokens=5)
    table.check_reserved(3)
    with pytest.raises(BlockTableTooShortError, match="4 tokens after 5 do not fit 2 blocks of 4"):
        table.check_reserved(4)
    with pytest.raises(ValueError, match="must not be negative, got -1"):
        table.check_reserved(-1)


def test_full_blocks_of_known_tokens_are_hashed_once():
    table, text = BlockTable(2, [7, 8, 9]), [5, 6, 7, 8, 9]
    table.learn(text[:3])
    table.num_tokens = 3
    assert list(table.hash_full_blocks()) == [0]
    assert list(table.hash_full_blocks()) == []
    table.learn(text[3:])
    assert list(table.hash_full_blocks()) == [1]
    assert table.digests == list(prefix_digests(text, 2))


def test_behind_an_unknown_token_nothing_is_known():
    table = BlockTable(2, [7, 8], num_tokens=1)  # nobody said which token that was
    table.learn([5, 6, 7])
    assert table.token_ids == []
    assert list(table.hash_full_blocks()) == []


def test_a_cut_table_forgets_what_it_knew_of_the_rest():
    table = BlockTable(2, [7, 8, 9, 10], 5, [1, 2, 3, 4, 5], [b"a", b"b"])
    assert table.cut(3) == [9, 10]
    assert table == BlockTable(2, [7, 8], 3, [1, 2, 3], [b"a"])


def test_a_copy_shares_no_list_and_no_reserved_block():
    table = BlockTable(2, [7, 8, 9], 3, [1, 2, 3], [b"a"])
    copy = table.copy()
    assert copy == BlockTable(2, [7, 8], 3, [1, 2, 3], [b"a"])
    copy.cut(0)
    assert table.token_ids == [1, 2, 3]
    assert table.digests == [b"a"]
