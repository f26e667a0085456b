"""Each test is one sentence that `membound.attention.window` says of itself."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from membound.attention.plain import attention, causal_mask
from membound.attention.window import window_attention, window_mask


def test_a_token_sees_the_sinks_and_the_last_window_tokens():
    seen = window_mask(3, 8, window=2, num_sinks=1)
    assert [np.flatnonzero(row).tolist() for row in seen] == [[0, 4, 5], [0, 5, 6], [0, 6, 7]]


@settings(deadline=None, max_examples=40)
@given(
    num_queries=st.integers(1, 9),
    num_past=st.integers(0, 9),
    window=st.integers(1, 20),
    num_sinks=st.integers(0, 6),
)
def test_the_mask_is_its_definition(num_queries, num_past, window, num_sinks):
    mask = window_mask(num_queries, num_past + num_queries, window, num_sinks)
    for row in range(num_queries):
        place = num_past + row
        for key in range(num_past + num_queries):
            in_window = key in range(place - window + 1, place + 1)
            assert mask[row, key] == (in_window or (key < num_sinks and key <= place))


def test_a_window_as_long_as_the_text_is_causal_attention():
    assert np.array_equal(window_mask(5, 9, window=9), causal_mask(5, 9))


@settings(deadline=None, max_examples=80)
@given(
    num_kv_heads=st.integers(1, 2),
    group=st.integers(1, 3),
    num_queries=st.integers(1, 25),
    num_past=st.integers(0, 15),
    window=st.integers(1, 40),
    num_sinks=st.integers(0, 6),
)
def test_it_equals_plain_attention_under_its_mask(
    num_kv_heads, group, num_queries, num_past, window, num_sinks
):
    rng = np.random.default_rng(0)
    num_keys = num_past + num_queries
    q = rng.normal(size=(group * num_kv_heads, num_queries, 4)).astype(np.float32)
    k, v = rng.normal(size=(2, num_kv_heads, num_keys, 4)).astype(np.float32)
    out = window_attention(q, k, v, window=window, num_sinks=num_sinks)
    expected = attention(q, k, v, visible=window_mask(num_queries, num_keys, window, num_sinks))
    assert out.dtype == np.float32
    assert np.allclose(out, expected, atol=1e-5)


def test_a_key_outside_the_window_changes_nothing():
    rng = np.random.default_rng(0)
    q, k, v = rng.normal(size=(3, 1, 10, 4)).astype(np.float32)
    before = window_attention(q, k, v, window=3)
    k[:, 4], v[:, 4] = 1e6, 1e6
    after = window_attention(q, k, v, window=3)
    assert np.array_equal(after[:, 7:], before[:, 7:])
    assert not np.array_equal(after[:, 6], before[:, 6])


def test_a_window_without_the_token_itself_is_refused():
    for window, num_sinks in ((0, 0), (1, -1)):
        with pytest.raises(ValueError, match="window must be at least 1 and num_sinks at least 0"):
            window_mask(1, 1, window, num_sinks)
    with pytest.raises(ValueError, match="3 queries need at least as many keys, got 2"):
        window_mask(3, 2, 4)
