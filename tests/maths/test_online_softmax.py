"""Each test is one sentence that `membound.maths.online_softmax` says of itself."""

import itertools
import math
from functools import reduce

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from membound.maths.online_softmax import finish, merge, partial_softmax


def plain(scores, values):
    """The formula in Python's own floats, one row at a time."""
    rows = []
    for row in scores.tolist():
        largest = max(row)
        weights = [math.exp(score - largest) for score in row]
        rows.append(np.average(values.astype(float), axis=0, weights=weights))
    return np.array(rows)


def random_piece(num_keys, *, seed=0, scale=5.0):
    rng = np.random.default_rng(seed)
    scores = (scale * rng.normal(size=(3, num_keys))).astype(np.float32)
    return scores, rng.normal(size=(num_keys, 4)).astype(np.float32)


@settings(deadline=None, max_examples=80)
@given(data=st.data(), num_keys=st.integers(1, 40), scale=st.sampled_from([0.1, 5.0, 1000.0]))
def test_any_split_and_any_merge_tree_give_the_plain_answer(data, num_keys, scale):
    scores, values = random_piece(num_keys, scale=scale, seed=data.draw(st.integers(0, 99)))
    num_masked = data.draw(st.integers(0, num_keys - 1))
    masked = data.draw(st.permutations(range(num_keys)))[:num_masked]
    scores[:, masked] = -np.inf

    cuts = sorted(data.draw(st.lists(st.integers(0, num_keys), max_size=8)))  # empty pieces too
    ends = [0, *cuts, num_keys]
    pieces = [
        partial_softmax(scores[:, start:end], values[start:end])
        for start, end in itertools.pairwise(ends)
    ]
    while len(pieces) > 1:
        a = pieces.pop(data.draw(st.integers(0, len(pieces) - 1)))
        b = pieces.pop(data.draw(st.integers(0, len(pieces) - 1)))
        pieces.append(merge(a, b))
    out = finish(pieces[0])
    assert out.dtype == np.float32
    assert np.allclose(out, plain(scores, values), rtol=1e-5, atol=2e-6)


def test_merging_is_associative_up_to_rounding():
    a, b, c = (partial_softmax(*random_piece(7, seed=seed)) for seed in range(3))
    left, right = merge(merge(a, b), c), merge(a, merge(b, c))
    for name in ("max", "sum", "output"):
        assert np.allclose(getattr(left, name), getattr(right, name), rtol=1e-6, atol=1e-6)


def test_a_masked_piece_changes_nothing_at_all():
    scores, values = random_piece(5)
    seen = partial_softmax(scores, values)
    nothing = partial_softmax(np.full((3, 2), -np.inf, np.float32), values[:2])
    for merged in (merge(seen, nothing), merge(nothing, seen)):
        assert np.array_equal(finish(merged), finish(seen))
    assert merge(nothing, nothing).max.tolist() == [[-np.inf]] * 3


def test_a_score_at_a_time_survives_scores_past_the_range_of_exp():
    scores = np.float32([[-1e38, 0, 1e38, 1e38]])
    values = np.float32([[1], [2], [3], [5]])
    pieces = [partial_softmax(scores[:, [j]], values[[j]]) for j in range(4)]
    assert finish(reduce(merge, pieces)).tolist() == [[4]]


def test_the_state_is_what_the_formula_says():
    state = partial_softmax(np.float32([[0, math.log(3)]]), np.float32([[6], [9]]))
    assert np.isclose(state.max, math.log(3))
    assert np.isclose(state.sum, 1 / 3 + 1)
    assert np.isclose(state.output, 6 / 3 + 9)


def test_a_row_that_saw_no_key_is_refused():
    nothing = partial_softmax(np.full((1, 2), -np.inf, np.float32), np.zeros((2, 3), np.float32))
    with pytest.raises(ValueError, match="at least one key"):
        finish(nothing)


def test_a_score_that_is_not_a_number_comes_out_as_one_as_from_plain_softmax():
    scores = np.array([[0, np.nan], [0, 1]], np.float32)
    values = np.ones((2, 3), np.float32)
    out = finish(merge(*(partial_softmax(scores[:, [j]], values[[j]]) for j in range(2))))
    assert np.isnan(out[0]).all()
    assert np.allclose(out[1], 1)
