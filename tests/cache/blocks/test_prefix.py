"""Each test is one sentence that `membound.cache.blocks.prefix` says of itself."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from membound.cache.blocks.prefix import ROOT, PrefixIndex, block_digest, prefix_digests

texts = st.lists(st.integers(0, 2), max_size=20)


@settings(deadline=None, max_examples=100)
@given(a=texts, b=texts, block_size=st.integers(1, 4))
def test_two_texts_share_a_digest_where_they_agree_from_the_first_token_on(a, b, block_size):
    digests_a, digests_b = list(prefix_digests(a, block_size)), list(prefix_digests(b, block_size))
    assert len(digests_a) == len(a) // block_size
    num_equal = sum(x == y for x, y in zip(digests_a, digests_b, strict=False))
    num_same_blocks = 0
    while (end := (num_same_blocks + 1) * block_size) <= min(len(a), len(b)) and a[:end] == b[:end]:
        num_same_blocks += 1
    assert num_equal == num_same_blocks
    assert digests_a[:num_equal] == digests_b[:num_equal]


def test_the_same_tokens_behind_another_text_are_another_block():
    assert block_digest(ROOT, [1, 2]) != block_digest(block_digest(ROOT, [3, 4]), [1, 2])


def test_large_ids_and_arrays_of_ids_make_no_difference():
    assert block_digest(ROOT, [1, 2]) != block_digest(ROOT, [1 + 2**32, 2])
    assert block_digest(ROOT, np.array([1, 2], np.int32)) == block_digest(ROOT, [1, 2])


def test_of_two_equal_blocks_the_first_stays():
    index = PrefixIndex()
    index.add(5, b"x")
    index.add(6, b"x")
    assert index.get(b"x") == 5
    assert not index.knows(6)
    index.remove(6)
    assert index.get(b"x") == 5
    index.remove(5)
    assert index.get(b"x") is None
