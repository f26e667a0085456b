"""Each test is one sentence that `membound.maths.rotary` says of itself."""

import math

import numpy as np
import pytest

from membound.maths.rotary import rotary_table, rotate

RNG = np.random.default_rng(0)


def test_each_adjacent_pair_turns_by_position_times_its_frequency():
    x = RNG.normal(size=(2, 5, 6)).astype(np.float32)
    turned = rotate(x, rotary_table(5, 6, base=100.0))
    assert turned.dtype == np.float32
    for head, position, pair in np.ndindex(2, 5, 3):
        a, b = x[head, position, 2 * pair : 2 * pair + 2].tolist()
        angle = position * 100.0 ** (-2 * pair / 6)
        expected = [
            a * math.cos(angle) - b * math.sin(angle),
            a * math.sin(angle) + b * math.cos(angle),
        ]
        assert np.allclose(turned[head, position, 2 * pair : 2 * pair + 2], expected, atol=1e-6)


def test_position_zero_does_not_turn():
    x = RNG.normal(size=(1, 64)).astype(np.float32)
    assert np.array_equal(rotate(x, rotary_table(1, 64, 10_000.0)), x)


def test_a_score_depends_only_on_the_distance_between_query_and_key():
    q, k = RNG.normal(size=(2, 1, 64)).astype(np.float32)
    table = rotary_table(1000, 64, 10_000.0)

    def score(m: int, n: int) -> float:
        return float(rotate(q, table[m : m + 1])[0] @ rotate(k, table[n : n + 1])[0])

    assert math.isclose(score(7, 3), score(904, 900), abs_tol=1e-4)
    assert not math.isclose(score(7, 3), score(7, 4), abs_tol=1e-2)


def test_late_positions_are_as_exact_as_early_ones():
    angles = [8191 * 1e5 ** (-2 * pair / 64) for pair in range(32)]
    expected = [complex(math.cos(angle), math.sin(angle)) for angle in angles]
    assert np.allclose(rotary_table(8192, 64, 1e5)[8191], expected, atol=1e-7)


def test_the_input_is_left_as_it_was():
    x = np.ones((2, 4), np.float32)
    rotate(x, rotary_table(2, 4, 10.0))
    assert np.array_equal(x, np.ones((2, 4)))


def test_an_odd_head_is_refused():
    with pytest.raises(ValueError, match="head_dim must be even to split into pairs, got 5"):
        rotary_table(4, 5, 10_000.0)
