"""Each test is one sentence that `membound.attention.tiling.steps` says of itself."""

import numpy as np
import pytest

from membound.attention.plain import attention
from membound.attention.tiling.steps import steps
from membound.attention.tiling.tiles import Tiles


def random_head(num_queries, num_keys, head_dim=4):
    rng = np.random.default_rng(0)
    shapes = (num_queries, num_keys, num_keys)
    return [rng.normal(size=(n, head_dim)).astype(np.float32) for n in shapes]


@pytest.mark.parametrize("causal", [False, True])
def test_the_last_step_of_each_tile_of_queries_is_the_answer(causal):
    q, k, v = random_head(6, 8)
    out = np.zeros_like(q)
    for step in steps(q, k, v, Tiles(4, 3), causal=causal):
        out[step.queries] = step.output
    visible = None if causal else np.ones((6, 8), bool)
    assert np.allclose(out, attention(q[None], k[None], v[None], visible=visible)[0], atol=1e-6)


def test_a_6_by_6_causal_example_visits_three_of_four_tiles():
    visited = [(s.queries.start, s.keys.start) for s in steps(*random_head(6, 6), Tiles(3, 3))]
    assert visited == [(0, 0), (3, 0), (3, 3)]


def test_each_step_knows_what_plain_attention_over_its_keys_knows():
    q, k, v = random_head(2, 6)
    scores = q @ k.T / 2
    for step in steps(q, k, v, Tiles(2, 2), causal=False):
        seen = slice(0, step.keys.stop)
        assert np.allclose(step.scores, scores[:, step.keys], atol=1e-6)
        assert np.allclose(step.state.max[:, 0], scores[:, seen].max(axis=1), atol=1e-6)
        weights = np.exp(scores[:, seen] - step.state.max)
        assert np.allclose(step.state.sum[:, 0], weights.sum(axis=1), atol=1e-6)
        assert np.allclose(step.state.output, weights @ v[seen], atol=1e-6)
