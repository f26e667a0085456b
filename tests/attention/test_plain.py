"""Each test is one sentence that `membound.attention.plain` says of itself."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from membound.attention.plain import attention, causal_mask


def loop_attention(q, k, v):
    """The definition, one multiplication at a time, in Python's own floats."""
    num_heads, num_queries, head_dim = q.shape
    group, num_keys = num_heads // k.shape[0], k.shape[1]
    out = np.zeros(q.shape)
    for head, i in np.ndindex(num_heads, num_queries):
        keys, values = k[head // group].tolist(), v[head // group].tolist()
        num_seen = num_keys - num_queries + i + 1
        scores = [
            sum(a * b for a, b in zip(q[head, i].tolist(), keys[j], strict=True))
            / math.sqrt(head_dim)
            for j in range(num_seen)
        ]
        weights = [math.exp(score) for score in scores]
        for j in range(num_seen):
            out[head, i] += weights[j] / sum(weights) * np.array(values[j])
    return out


def random_qkv(num_heads, num_kv_heads, num_queries, num_keys, head_dim, seed=0):
    rng = np.random.default_rng(seed)
    q = rng.normal(size=(num_heads, num_queries, head_dim)).astype(np.float32)
    k, v = rng.normal(size=(2, num_kv_heads, num_keys, head_dim)).astype(np.float32)
    return q, k, v


@settings(deadline=None, max_examples=40)
@given(
    num_kv_heads=st.integers(1, 3),
    group=st.integers(1, 3),
    num_queries=st.integers(1, 5),
    num_past=st.integers(0, 5),
    head_dim=st.sampled_from([1, 2, 8]),
)
def test_it_equals_the_definition_for_every_grouping(
    num_kv_heads, group, num_queries, num_past, head_dim
):
    q, k, v = random_qkv(
        group * num_kv_heads, num_kv_heads, num_queries, num_past + num_queries, head_dim
    )
    out = attention(q, k, v)
    assert out.dtype == np.float32
    assert np.allclose(out, loop_attention(q, k, v), atol=1e-5)


def test_a_later_token_changes_nothing_before_it():
    q, k, v = random_qkv(2, 1, 6, 6, 4)
    before = attention(q, k, v)
    k[:, 5] += 100
    v[:, 5] += 100
    after = attention(q, k, v)
    assert np.array_equal(after[:, :5], before[:, :5])
    assert not np.allclose(after[:, 5], before[:, 5])


def test_the_last_query_alone_gets_the_last_row():
    q, k, v = random_qkv(4, 2, 7, 7, 8)
    assert np.allclose(attention(q[:, -1:], k, v), attention(q, k, v)[:, -1:], atol=1e-6)


def test_a_mask_of_ones_own_replaces_the_causal_one():
    q, k, v = random_qkv(2, 2, 3, 3, 4)
    only_itself = attention(q, k, v, visible=np.eye(3, dtype=bool))
    assert np.allclose(only_itself, v, atol=1e-6)


def test_a_causal_mask_puts_the_queries_at_the_end_of_the_keys():
    assert causal_mask(2, 4).tolist() == [[True, True, True, False], [True, True, True, True]]


def test_what_cannot_attend_is_refused():
    q, k, v = random_qkv(3, 2, 1, 1, 4)
    with pytest.raises(ValueError, match="num_heads 3 is not a multiple of num_kv_heads 2"):
        attention(q, k, v)
    with pytest.raises(ValueError, match="3 queries need at least as many keys, got 2"):
        causal_mask(3, 2)
    q, k, v = random_qkv(2, 2, 1, 2, 4)
    with pytest.raises(ValueError, match="each query must see at least one key"):
        attention(q, k, v, visible=np.zeros((1, 2), bool))


def test_values_of_fewer_heads_than_keys_are_refused_and_not_repeated():
    q, k = np.zeros((2, 2, 3, 4), np.float32)
    with pytest.raises(ValueError, match="k and v must share"):
        attention(q, k, k[:1])
