"""Each test is one sentence that `membound.attention.grouped` says of itself."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from membound.attention.grouped import grouped_attention
from membound.attention.plain import attention


def random_qkv(num_heads, num_kv_heads, num_queries, num_keys, head_dim, seed=0):
    rng = np.random.default_rng(seed)
    q = rng.normal(size=(num_heads, num_queries, head_dim)).astype(np.float32)
    k, v = rng.normal(size=(2, num_kv_heads, num_keys, head_dim)).astype(np.float32)
    return q, k, v


@settings(deadline=None, max_examples=60)
@given(
    num_kv_heads=st.integers(1, 3),
    group=st.integers(1, 4),
    num_queries=st.integers(1, 6),
    num_past=st.integers(0, 6),
    seed=st.integers(0, 9),
    masked=st.booleans(),
)
def test_it_equals_repeating_the_key_heads(
    num_kv_heads, group, num_queries, num_past, seed, masked
):
    num_keys = num_past + num_queries
    q, k, v = random_qkv(group * num_kv_heads, num_kv_heads, num_queries, num_keys, 4, seed)
    visible = None
    if masked:
        visible = np.random.default_rng(seed).random((num_queries, num_keys)) < 0.5
        visible[:, 0] = True
    out = grouped_attention(q, k, v, visible=visible)
    assert out.dtype == np.float32
    assert np.allclose(out, attention(q, k, v, visible=visible), atol=1e-5)


def test_multi_head_and_multi_query_are_its_two_ends():
    q, k, v = random_qkv(4, 4, 3, 5, 8)
    multi_head = grouped_attention(q, k, v)
    for head in range(4):
        alone = attention(q[[head]], k[[head]], v[[head]])
        assert np.allclose(multi_head[head], alone[0], atol=1e-6)
    multi_query = grouped_attention(q, k[:1], v[:1])
    for head in range(4):
        assert np.allclose(multi_query[head], attention(q[[head]], k[:1], v[:1])[0], atol=1e-6)


def test_the_arguments_are_left_as_they_were():
    q, k, v = random_qkv(4, 2, 3, 5, 8)
    before = [x.copy() for x in (q, k, v)]
    grouped_attention(q, k, v)
    assert all(np.array_equal(x, y) for x, y in zip((q, k, v), before, strict=True))


def test_what_cannot_attend_is_refused():
    with pytest.raises(ValueError, match="num_heads 3 is not a multiple of num_kv_heads 2"):
        grouped_attention(*random_qkv(3, 2, 1, 1, 4))
    with pytest.raises(ValueError, match="at least one key"):
        grouped_attention(*random_qkv(2, 2, 1, 2, 4), visible=np.zeros((1, 2), bool))
