"""Each test is one sentence that `membound.attention.counted` says of itself."""

import numpy as np
import pytest

from membound.attention.counted import CountedAttention, Run
from membound.attention.plain import attention

D = 64
LENGTHS = [10, 20, 50, 100, 200, 500]


@pytest.fixture(scope="module")
def layer():
    return CountedAttention(hidden_size=D, num_heads=4, seed=0)


@pytest.fixture(scope="module")
def inputs():
    return np.random.default_rng(1).normal(size=(500, D)).astype(np.float32)


@pytest.fixture(scope="module", params=LENGTHS)
def runs(request, layer, inputs):
    n = request.param
    return n, layer.run_uncached(inputs[:n]), layer.run_cached(inputs[:n])


def test_the_keys_computed_are_counted(runs):
    n, uncached, cached = runs
    assert uncached.num_projected == n * (n + 1) // 2
    assert cached.num_projected == n


def test_the_multiply_adds_of_attention_are_counted(runs):
    n, uncached, cached = runs
    assert uncached.num_attention_macs == 2 * D * n * (n + 1) * (2 * n + 1) // 6
    assert cached.num_attention_macs == 2 * D * n * (n + 1) // 2


def test_the_multiply_adds_of_the_projections_are_the_rest(runs):
    n, uncached, cached = runs
    projections = uncached.num_macs - uncached.num_attention_macs
    assert projections == 4 * D * D * n * (n + 1) // 2
    assert cached.num_macs - cached.num_attention_macs == 4 * D * D * n


def test_the_outputs_are_the_same(runs):
    _, uncached, cached = runs
    assert uncached.outputs.dtype == cached.outputs.dtype == np.float32
    assert np.abs(uncached.outputs - cached.outputs).max() < 1e-5


def test_the_outputs_are_those_of_causal_attention_over_all_tokens_at_once(layer, inputs):
    x = inputs[:30]

    def heads(weight):
        return (x @ weight).reshape(30, 4, 16).transpose(1, 0, 2)

    attended = attention(*(heads(W) for W in (layer.W_q, layer.W_k, layer.W_v)))
    expected = attended.transpose(1, 0, 2).reshape(30, D) @ layer.W_o
    assert np.allclose(layer.run_cached(x).outputs, expected, atol=1e-5)
    run = Run(np.empty_like(x))
    assert np.allclose(layer.attend(*layer.project(x, run), run), expected, atol=1e-5)


def test_a_product_counts_one_multiply_add_per_term_of_its_sums():
    run = Run(np.empty((0, 0), np.float32))
    run.multiply(np.ones((2, 3, 4), np.float32), np.ones((2, 4, 5), np.float32))
    assert run.num_macs == 2 * 3 * 4 * 5


def test_one_seed_gives_one_layer(layer, inputs):
    again = CountedAttention(hidden_size=D, num_heads=4, seed=0)
    assert np.array_equal(
        again.run_cached(inputs[:5]).outputs, layer.run_cached(inputs[:5]).outputs
    )


def test_heads_that_do_not_split_the_hidden_size_are_refused():
    with pytest.raises(ValueError, match="hidden_size 64 does not split into 5 heads"):
        CountedAttention(hidden_size=64, num_heads=5, seed=0)
