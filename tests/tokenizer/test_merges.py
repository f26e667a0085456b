"""The fast merge loop against the plain one."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from membound.tokenizer.merges import merge, merge_plainly

tokens = st.lists(st.one_of(st.integers(0, 3), st.none()), max_size=40)
merge_lists = st.dictionaries(
    st.tuples(st.integers(0, 9), st.integers(0, 9)), st.integers(0, 9), max_size=30
).map(lambda merged: {pair: (rank, new) for rank, (pair, new) in enumerate(merged.items())})


@given(tokens, merge_lists)
@settings(deadline=None, max_examples=500)
def test_the_heap_merges_what_the_plain_loop_merges(tokens, merges):
    assert merge(tokens, merges) == merge_plainly(tokens, merges)


@pytest.mark.parametrize("loop", [merge, merge_plainly])
def test_of_equal_pairs_the_leftmost_goes_first(loop):
    assert loop([1, 1, 1], {(1, 1): (0, 2)}) == [2, 1]


@pytest.mark.parametrize("loop", [merge, merge_plainly])
def test_a_lower_rank_goes_before_a_pair_further_left(loop):
    assert loop([1, 2, 3], {(1, 2): (1, 4), (2, 3): (0, 5)}) == [1, 5]


@pytest.mark.parametrize("loop", [merge, merge_plainly])
def test_nothing_joins_a_byte_without_a_token(loop):
    assert loop([1, None, 1], {(1, 1): (0, 2)}) == [1, None, 1]


class CountingMerges(dict):
    """Counts how many pairs were looked up."""

    lookups = 0

    def __contains__(self, pair):
        self.lookups += 1
        return super().__contains__(pair)


def test_a_long_word_looks_up_at_most_three_pairs_per_token():
    merges = CountingMerges({(0, 0): (0, 1), (1, 1): (1, 2), (2, 2): (2, 3)})
    merge([0] * 10_000, merges)
    assert merges.lookups < 3 * 10_000
