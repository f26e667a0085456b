"""Each test is one sentence that `membound.maths.softmax` says of itself."""

import math

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from membound.maths.softmax import softmax

finite = st.floats(-1e4, 1e4, width=32)


@settings(deadline=None, max_examples=50)
@given(arrays(np.float32, array_shapes(max_dims=3, max_side=6), elements=finite))
def test_each_row_sums_to_one_and_equals_the_formula_in_float64(scores):
    weights = softmax(scores)
    assert weights.dtype == np.float32
    assert np.allclose(weights.sum(axis=-1), 1, atol=1e-6)
    for row, got in zip(
        scores.reshape(-1, scores.shape[-1]).tolist(),
        weights.reshape(-1, scores.shape[-1]),
        strict=True,
    ):
        largest = max(row)
        terms = [math.exp(score - largest) for score in row]
        assert np.allclose(got, [term / sum(terms) for term in terms], atol=1e-6)


def test_scores_past_the_range_of_exp_do_not_overflow():
    assert softmax(np.float32([1e38, 0, -1e38])).tolist() == [1, 0, 0]


def test_minus_infinity_gets_no_weight():
    assert softmax(np.float32([0, -np.inf, 0])).tolist() == [0.5, 0, 0.5]


def test_the_scores_are_left_as_they_were():
    scores = np.float32([1, 2, 3])
    softmax(scores)
    assert scores.tolist() == [1, 2, 3]
