"""Each test is one sentence that `membound.attention.paged` says of itself."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from membound.attention.paged import gather, paged_attention, paged_attention_in_place
from membound.attention.plain import attention


def scattered(k, v, block_size, num_blocks, seed=0):
    """Put `k`, `v` (num_kv_heads, num_tokens, head_dim) into random blocks of a filthy store."""
    rng = np.random.default_rng(seed)
    num_kv_heads, num_tokens, head_dim = k.shape
    table = rng.permutation(num_blocks)[: -(-num_tokens // block_size)]
    stores = []
    for x in (k, v):
        store = np.full((num_kv_heads, num_blocks, block_size, head_dim), np.nan, np.float32)
        for token in range(num_tokens):
            store[:, table[token // block_size], token % block_size] = x[:, token]
        stores.append(store)
    return *stores, table


cases = {
    "num_kv_heads": st.integers(1, 3),
    "group": st.integers(1, 3),
    "num_tokens": st.integers(1, 40),
    "block_size": st.integers(1, 9),
    "spare": st.integers(0, 5),
    "seed": st.integers(0, 9),
}


def random_case(num_queries, num_kv_heads, group, num_tokens, block_size, spare, seed):
    rng = np.random.default_rng(seed)
    q = rng.normal(size=(group * num_kv_heads, num_queries, 8)).astype(np.float32)
    k, v = rng.normal(size=(2, num_kv_heads, num_tokens, 8)).astype(np.float32)
    num_blocks = -(-num_tokens // block_size) + spare
    return q, k, v, scattered(k, v, block_size, num_blocks, seed)


@settings(deadline=None, max_examples=80)
@given(data=st.data(), **cases)
def test_it_equals_contiguous_attention_bit_for_bit(data, num_tokens, **sizes):
    num_queries = data.draw(st.integers(1, num_tokens))
    q, k, v, (k_store, v_store, table) = random_case(num_queries, num_tokens=num_tokens, **sizes)
    out = paged_attention(q, k_store, v_store, table, num_tokens)
    assert out.dtype == np.float32
    assert np.array_equal(out, attention(q, k, v))


@settings(deadline=None, max_examples=80)
@given(**cases)
def test_block_by_block_it_agrees_to_within_rounding(num_tokens, **sizes):
    q, k, v, (k_store, v_store, table) = random_case(1, num_tokens=num_tokens, **sizes)
    out = paged_attention_in_place(q, k_store, v_store, table, num_tokens)
    assert out.dtype == np.float32
    assert np.allclose(out, attention(q, k, v), rtol=1e-4, atol=1e-5)


def test_a_table_may_be_longer_than_the_text_and_what_lies_there_is_not_read():
    q, k, v, (k_store, v_store, table) = random_case(1, 1, 1, 5, 4, 3, 0)
    longer = [*table, 99_999]
    assert np.array_equal(paged_attention(q, k_store, v_store, longer, 5), attention(q, k, v))


def test_gathering_restores_the_order():
    k = np.arange(12, dtype=np.float32).reshape(2, 6, 1)
    k_store, _, table = scattered(k, k, block_size=4, num_blocks=5)
    assert np.array_equal(gather(k_store, table, 6), k)


@pytest.mark.parametrize(
    ("table", "num_tokens", "rule"),
    [
        ([0], 5, "too short: 5 tokens in blocks of 4 need 2 entries, got 1"),
        ([0], 0, "num_tokens must be at least 1, got 0"),
        ([0, 3], 5, "block ids go from 0 to 2"),
        ([0, -1], 5, "block ids go from 0 to 2"),
        ([0.0, 1.0], 5, "whole numbers, got float64"),
        ([[0, 1]], 5, "one row of whole numbers"),
    ],
)
def test_a_table_that_does_not_fit_is_refused(table, num_tokens, rule):
    store = np.zeros((1, 3, 4, 2), np.float32)
    q = np.zeros((1, 1, 2), np.float32)
    for attend in (paged_attention, paged_attention_in_place):
        with pytest.raises(ValueError, match=rule):
            attend(q, store, store, np.array(table), num_tokens)


def test_another_order_of_the_axes_is_a_transpose_away():
    q, k, v, (k_store, v_store, table) = random_case(3, 2, 2, 11, 4, 2, 0)
    block_first = [np.ascontiguousarray(x.transpose(1, 2, 0, 3)) for x in (k_store, v_store)]
    stores = [x.transpose(2, 0, 1, 3) for x in block_first]
    assert np.array_equal(paged_attention(q, *stores, table, 11), attention(q, k, v))


@pytest.mark.parametrize(
    ("k_shape", "v_shape", "rule"),
    [
        ((2, 4, 3, 8), (2, 2, 3, 8), "k_store and v_store must share"),
        ((2, 4, 3, 8), (2, 4, 2, 8), "k_store and v_store must share"),
        ((2, 4, 0, 8), (2, 4, 0, 8), "not empty"),
        ((4, 3, 8), (4, 3, 8), "must be .num_kv_heads, num_blocks, block_size, head_dim."),
        ((2, 4, 3, 7), (2, 4, 3, 8), "share head_dim, got 8 and 7"),
        ((3, 4, 3, 8), (3, 4, 3, 8), "num_heads 2 is not a multiple of num_kv_heads 3"),
    ],
)
def test_stores_that_do_not_fit_are_refused(k_shape, v_shape, rule):
    q = np.zeros((2, 1, 8), np.float32)
    stores = np.zeros(k_shape, np.float32), np.zeros(v_shape, np.float32)
    for attend in (paged_attention, paged_attention_in_place):
        with pytest.raises(ValueError, match=rule):
            attend(q, *stores, np.array([0, 1]), 5)
