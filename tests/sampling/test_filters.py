"""Each test is one sentence that `membound.sampling.filters` says of itself."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from membound.sampling.filters import keep_top_k, keep_top_p


def logits_of(probabilities):
    return np.log(np.float32(probabilities))


def kept(filtered):
    return np.flatnonzero(np.isfinite(filtered)).tolist()


# Few distinct values, so that ties are common.
some_logits = st.lists(st.integers(-3, 3), min_size=1, max_size=12).map(np.float32)


def by_probability(logits):
    return sorted(range(len(logits)), key=lambda i: (-logits[i], i))


@settings(deadline=None, max_examples=100)
@given(logits=some_logits, k=st.integers(1, 15))
def test_top_k_keeps_the_k_most_probable_and_of_equals_the_lower_ids(logits, k):
    filtered = keep_top_k(logits, k)
    assert filtered.dtype == np.float32
    assert kept(filtered) == sorted(by_probability(logits)[:k])
    assert np.array_equal(filtered[kept(filtered)], logits[kept(filtered)])


@settings(deadline=None, max_examples=100)
@given(logits=some_logits, p=st.floats(0.01, 0.99))
def test_top_p_keeps_the_fewest_that_reach_p(logits, p):
    probabilities = np.exp(logits.astype(np.float64))
    probabilities /= probabilities.sum()
    order, total, expected = by_probability(logits), 0.0, []
    for token in order:
        expected.append(token)
        total += probabilities[token]
        if total >= p:
            break
    if abs(total - p) < 1e-6 or abs(total - probabilities[expected[-1]] - p) < 1e-6:
        return  # float32 rounding decides these
    assert kept(keep_top_p(logits, p)) == sorted(expected)


@pytest.mark.parametrize(
    ("p", "expected"), [(0.01, [1]), (0.49, [1]), (0.51, [1, 2]), (0.79, [1, 2]), (0.81, [0, 1, 2])]
)
def test_the_nucleus_grows_with_p(p, expected):
    assert kept(keep_top_p(logits_of([0.15, 0.5, 0.3, 0.05]), p)) == expected


def test_a_nucleus_that_is_reached_exactly_takes_no_more():
    for vocab_size in (4, 49152):
        level = np.zeros(vocab_size, np.float32)
        assert kept(keep_top_p(level, 0.5)) == list(range(vocab_size // 2))


def test_a_nucleus_of_one_keeps_every_token():
    logits = np.random.default_rng(0).normal(size=50_000).astype(np.float32)
    assert len(kept(keep_top_p(logits, 1.0))) == 50_000


def test_the_logits_are_left_as_they_were():
    logits = np.float32([1, 2, 3])
    for filtered in (keep_top_k(logits, 2), keep_top_k(logits, 5), keep_top_p(logits, 0.5)):
        assert not np.shares_memory(filtered, logits)
    assert logits.tolist() == [1, 2, 3]


def test_a_filter_that_keeps_nothing_is_refused():
    with pytest.raises(ValueError, match="k must be at least 1, got 0"):
        keep_top_k(np.float32([1]), 0)
    for p in (0, 1.1, float("nan")):
        with pytest.raises(ValueError, match=f"p must be above 0 and at most 1, got {p}"):
            keep_top_p(np.float32([1]), p)
