"""Each test is one sentence that `membound.maths.norms` says of itself."""

import math

import numpy as np

from membound.maths.norms import rms_norm

RNG = np.random.default_rng(0)


def test_it_equals_the_formula_written_as_a_loop():
    x = RNG.normal(size=(2, 3, 8)).astype(np.float32)
    weight = RNG.normal(size=8).astype(np.float32)
    normed = rms_norm(x, weight, eps=1e-2)
    assert normed.dtype == np.float32
    for index in np.ndindex(2, 3):
        row = x[index].tolist()
        rms = math.sqrt(sum(value**2 for value in row) / 8 + 1e-2)
        expected = [value / rms * w for value, w in zip(row, weight.tolist(), strict=True)]
        assert np.allclose(normed[index], expected, atol=1e-6)


def test_the_size_of_a_vector_does_not_matter_while_eps_is_small():
    x, one = RNG.normal(size=64).astype(np.float32), np.ones(64, np.float32)
    assert np.allclose(rms_norm(x, one, 1e-12), rms_norm(1000 * x, one, 1e-12), atol=1e-5)


def test_a_zero_vector_stays_zero():
    assert not rms_norm(np.zeros(4, np.float32), np.ones(4, np.float32), 1e-5).any()
