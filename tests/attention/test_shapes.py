"""Each test is one sentence that `membound.attention.shapes` says of itself."""

import numpy as np
import pytest

from membound.attention.shapes import check_visible, first_position, group_size


def test_a_group_is_the_query_heads_per_key_head():
    q, k, v = np.zeros((6, 1, 4)), np.zeros((2, 5, 4)), np.zeros((2, 5, 3))
    assert group_size(q, k, v) == 3


@pytest.mark.parametrize(
    ("q", "k", "v", "rule"),
    [
        ((1, 4), (1, 1, 4), (1, 1, 4), "must be .heads, tokens, head_dim."),
        ((1, 1, 4), (1, 1, 8), (1, 1, 8), "share head_dim, got 4 and 8"),
        ((1, 1, 4), (1, 3, 4), (1, 2, 4), "share .num_kv_heads, num_keys."),
        ((2, 1, 4), (1, 3, 4), (2, 3, 4), "share .num_kv_heads, num_keys."),
        ((2, 1, 4), (3, 3, 4), (3, 3, 4), "num_heads 2 is not a multiple of num_kv_heads 3"),
        ((2, 1, 4), (0, 3, 4), (0, 3, 4), "num_heads 2 is not a multiple of num_kv_heads 0"),
        ((0, 1, 4), (1, 3, 4), (1, 3, 4), "at least one head, token and channel"),
        ((1, 0, 4), (1, 3, 4), (1, 3, 4), "at least one head, token and channel"),
        ((1, 1, 0), (1, 3, 0), (1, 3, 4), "at least one head, token and channel"),
    ],
)
def test_shapes_that_do_not_fit_are_refused_by_name(q, k, v, rule):
    with pytest.raises(ValueError, match=rule):
        group_size(np.zeros(q), np.zeros(k), np.zeros(v))


def test_causal_queries_are_the_last_tokens_and_others_see_everything():
    assert first_position(2, 5, causal=True) == 3
    assert first_position(2, 5, causal=False) == 5
    with pytest.raises(ValueError, match="6 queries need at least as many keys, got 5"):
        first_position(6, 5, causal=True)
    with pytest.raises(ValueError, match="at least one key"):
        first_position(0, 0, causal=True)


@pytest.mark.parametrize("dtype", [int, bool, complex])
def test_what_is_no_floating_point_number_is_refused(dtype):
    array = np.ones((1, 1, 4), np.float32)
    for place in range(3):
        arrays = [array] * 3
        arrays[place] = array.astype(dtype)
        with pytest.raises(ValueError, match="must be floating-point numbers"):
            group_size(*arrays)


def test_a_mask_is_bool_of_queries_by_keys_and_shows_each_query_a_key():
    check_visible(np.eye(3, 5, dtype=bool), 3, 5)
    for wrong in (np.ones((3, 4), bool), np.ones((3, 5)), np.ones((1, 3, 5), bool)):
        with pytest.raises(ValueError, match=r"must be bool of \(3, 5\), got"):
            check_visible(wrong, 3, 5)
    with pytest.raises(ValueError, match="at least one key"):
        check_visible(np.eye(3, 2, dtype=bool), 3, 2)
