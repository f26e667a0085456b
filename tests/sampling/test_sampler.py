"""Each test is one sentence that `membound.sampling.sampler` says of itself."""

import numpy as np
import pytest

from membound.sampling.sampler import Sampler, draw, greedy

LOGITS = np.log(np.float32([0.1, 0.4, 0.2, 0.3]))


def test_greedy_takes_the_largest_and_of_equals_the_lowest():
    assert greedy(np.float32([1, 5, 2, 5])) == 1


@pytest.mark.parametrize("wrong", [np.nan, np.inf])
def test_greedy_does_not_choose_where_a_weight_was_broken(wrong):
    with pytest.raises(ValueError, match=f"must be a finite number, got {wrong}"):
        Sampler(temperature=0)(np.float32([1, wrong, 2]))


@pytest.mark.parametrize(
    ("sampler", "expected"),
    [
        (Sampler(), [0.1, 0.4, 0.2, 0.3]),
        (Sampler(temperature=0.5), np.array([1, 16, 4, 9]) / 30),  # p² over its sum
        (Sampler(temperature=0), [0, 1, 0, 0]),
        (Sampler(temperature=1e-30), [0, 1, 0, 0]),
        (Sampler(temperature=1e-300), [0, 1, 0, 0]),
        (Sampler(top_k=2), [0, 4 / 7, 0, 3 / 7]),
        (Sampler(top_k=100), [0.1, 0.4, 0.2, 0.3]),
        (Sampler(top_p=0.65), [0, 4 / 7, 0, 3 / 7]),
        (Sampler(top_p=1.0), [0.1, 0.4, 0.2, 0.3]),
        # The nucleus is taken after the temperature: 16/30 and 9/30 reach 0.8, 0.4 + 0.3 do not.
        (Sampler(temperature=0.5, top_p=0.8), [0, 16 / 25, 0, 9 / 25]),
        # ... and after top-k: of 4/9, 3/9 and 2/9 the first two reach 0.75, 0.4 + 0.3 do not.
        (Sampler(top_k=3, top_p=0.75), [0, 4 / 7, 0, 3 / 7]),
    ],
)
def test_the_distribution_is_the_one_that_the_settings_define(sampler, expected):
    probabilities = sampler.probabilities(LOGITS)
    assert probabilities.dtype == np.float32
    assert np.allclose(probabilities, expected, atol=1e-6)


@pytest.mark.parametrize(
    "sampler",
    [Sampler(seed=0), Sampler(temperature=2, top_k=3, seed=1), Sampler(top_p=0.8, seed=2)],
)
def test_draws_are_as_frequent_as_their_probabilities(sampler):
    num_draws = 4000
    counts = np.bincount([sampler(LOGITS) for _ in range(num_draws)], minlength=4)
    expected = num_draws * sampler.probabilities(LOGITS)
    possible = expected > 0
    assert not counts[~possible].any()
    chi_square = ((counts - expected)[possible] ** 2 / expected[possible]).sum()
    assert chi_square < 16.3  # three degrees of freedom exceed this once in a thousand


def test_one_seed_gives_one_sequence_and_another_seed_another():
    def sequence(seed):
        sampler = Sampler(seed=seed)
        return [sampler(LOGITS) for _ in range(40)]

    assert sequence(7) == sequence(7)
    assert sequence(7) != sequence(8)


def test_temperature_zero_is_greedy():
    sampler = Sampler(temperature=0, seed=0)
    assert {sampler(LOGITS) for _ in range(20)} == {greedy(LOGITS)}


class FixedNumbers:
    """A generator that draws what it is told to."""

    def __init__(self, number):
        self.number = number

    def random(self):
        return self.number


@pytest.mark.parametrize(
    ("number", "token"), [(0.0, 1), (0.499, 1), (0.5, 3), (np.nextafter(1, 0), 3)]
)
def test_a_token_of_probability_zero_is_never_drawn(number, token):
    assert draw(np.float32([0, 0.5, 0, 0.5, 0]), FixedNumbers(number)) == token


def test_rounding_in_the_sum_does_not_lead_past_the_last_token():
    assert draw(np.float32([0.3, 0.3, 0.3]), FixedNumbers(0.99)) == 2


def test_a_temperature_does_not_overflow_large_logits():
    assert Sampler(temperature=0.5).probabilities(np.float32([3e38, 0])).tolist() == [1, 0]


@pytest.mark.parametrize("logit", [float("nan"), float("inf"), float("-inf")])
def test_broken_logits_are_refused(logit):
    with pytest.raises(ValueError, match="the largest logit must be a finite number"):
        Sampler()(np.float32([logit, logit]))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"temperature": -1}, "temperature must be 0 or more, got -1"),
        ({"temperature": float("nan")}, "temperature must be 0 or more, got nan"),
        ({"top_k": 0}, "top_k must be at least 1, got 0"),
        ({"top_p": 0.0}, "top_p must be above 0 and at most 1, got 0.0"),
        ({"top_p": 1.5}, "top_p must be above 0 and at most 1, got 1.5"),
        ({"seed": -1}, "seed must be 0 or more, got -1"),
    ],
)
def test_settings_without_a_meaning_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        Sampler(**settings)
