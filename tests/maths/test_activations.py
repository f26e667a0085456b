"""Each test is one sentence that `membound.maths.activations` says of itself."""

import math

import numpy as np

from membound.maths.activations import silu, swiglu


def test_silu_equals_x_times_sigmoid_on_both_sides_of_zero():
    x = np.linspace(-30, 30, 121, dtype=np.float32)
    expected = [value / (1 + math.exp(-value)) for value in x.tolist()]
    assert silu(x).dtype == np.float32
    assert np.allclose(silu(x), expected, rtol=1e-6, atol=0)


def test_silu_of_a_huge_value_is_that_value_or_zero():
    with np.errstate(under="ignore"):
        assert silu(np.float32([-3e38, -1000, 1000, 3e38])).tolist() == [
            0,
            0,
            1000,
            np.float32(3e38),
        ]


def test_swiglu_gates_with_its_first_argument():
    gate, up = np.float32([2.0]), np.float32([3.0])
    assert np.isclose(swiglu(gate, up)[0], 2 / (1 + math.exp(-2)) * 3)
    assert swiglu(gate, up)[0] != swiglu(up, gate)[0]
