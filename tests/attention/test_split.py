"""Each test is one sentence that `membound.attention.split` says of itself."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from membound.attention.plain import attention
from membound.attention.split import partial_attention, split_attention
from membound.maths.online_softmax import finish, merge


def random_step(num_heads, num_kv_heads, num_keys, head_dim=8, seed=0):
    rng = np.random.default_rng(seed)
    q = rng.normal(size=(num_heads, 1, head_dim)).astype(np.float32)
    k, v = rng.normal(size=(2, num_kv_heads, num_keys, head_dim)).astype(np.float32)
    return q, k, v


@settings(deadline=None, max_examples=60)
@given(
    num_kv_heads=st.integers(1, 3),
    group=st.integers(1, 3),
    num_keys=st.integers(1, 50),
    num_splits=st.integers(1, 60),
)
def test_any_number_of_pieces_gives_the_plain_answer(num_kv_heads, group, num_keys, num_splits):
    q, k, v = random_step(group * num_kv_heads, num_kv_heads, num_keys)
    out = split_attention(q, k, v, num_splits=num_splits)
    assert out.dtype == np.float32
    assert np.allclose(out, attention(q, k, v), rtol=1e-4, atol=1e-5)


def test_pieces_merge_in_any_order():
    q, k, v = random_step(4, 2, 9)
    first, last = partial_attention(q, k[:, :5], v[:, :5]), partial_attention(q, k[:, 5:], v[:, 5:])
    backwards = finish(merge(last, first)).reshape(q.shape)
    assert np.allclose(backwards, attention(q, k, v), atol=1e-6)


def test_what_cannot_be_split_is_refused():
    q, k, v = random_step(2, 1, 4)
    with pytest.raises(ValueError, match="num_splits must be at least 1, got 0"):
        split_attention(q, k, v, num_splits=0)
    with pytest.raises(ValueError, match="one query per head, got 2"):
        split_attention(np.concatenate([q, q], axis=1), k, v, num_splits=2)
    with pytest.raises(ValueError, match="at least one key"):
        split_attention(q, k[:, :0], v[:, :0], num_splits=2)
