"""Each test is one sentence that `membound.model.transformer` says of itself."""

import numpy as np
import pytest

import tiny
from membound.cache.contiguous import ContiguousCache
from membound.model.transformer import forward, forward_uncached

TOKENS = np.random.default_rng(0).integers(0, 50, 20).tolist()


def new_cache(capacity=64):
    return ContiguousCache(3, 2, 8, capacity)


@pytest.fixture(scope="module")
def weights():
    return tiny.weights(tied=False)


def loop_logits(w, token_ids):
    """The papers' formulas, in float64, one token and one head at a time."""
    c = w.config

    def norm(x, weight):
        return x / np.sqrt((x**2).sum() / len(x) + c.norm_eps) * weight

    def turned(x, position):
        out = x.copy()
        for j in range(c.head_dim // 2):
            angle = position * c.rope_base ** (-2 * j / c.head_dim)
            a, b = x[2 * j], x[2 * j + 1]
            out[2 * j] = a * np.cos(angle) - b * np.sin(angle)
            out[2 * j + 1] = a * np.sin(angle) + b * np.cos(angle)
        return out

    def heads(x):
        return [x[i : i + c.head_dim] for i in range(0, len(x), c.head_dim)]

    past = [[] for _ in w.layers]  # per layer and token: the key heads, the value heads
    logits = []
    for position, token_id in enumerate(token_ids):
        x = w.embedding[token_id].astype(np.float64)
        for layer, kept in zip(w.layers, past, strict=True):
            h = norm(x, layer.attn_norm)
            kept.append(([turned(k, position) for k in heads(layer.k @ h)], heads(layer.v @ h)))
            out = []
            for head, q in enumerate(heads(layer.q @ h)):
                served_by = head // (c.num_heads // c.num_kv_heads)
                scores = [turned(q, position) @ keys[served_by] for keys, _ in kept]
                weights = np.exp(np.array(scores) / np.sqrt(c.head_dim))
                values = np.array([v[served_by] for _, v in kept])
                out.append(weights / weights.sum() @ values)
            x = x + layer.o @ np.concatenate(out)
            h = norm(x, layer.mlp_norm)
            gate = layer.gate @ h
            x = x + layer.down @ (gate / (1 + np.exp(-gate)) * (layer.up @ h))
        logits.append(w.head @ norm(x, w.norm))
    return np.array(logits)


@pytest.mark.parametrize("tied", [True, False])
def test_it_equals_the_formulas_written_as_loops(tied):
    weights = tiny.weights(seed=3, tied=tied)
    logits = forward_uncached(weights, TOKENS)
    assert logits.dtype == np.float32
    assert np.allclose(logits, loop_logits(weights, TOKENS), atol=1e-4)


def test_a_token_does_not_see_those_after_it(weights):
    logits = forward_uncached(weights, TOKENS)
    assert logits.shape == (20, 50)
    assert np.allclose(forward_uncached(weights, TOKENS[:7]), logits[:7], atol=1e-5)


def test_the_order_of_the_tokens_matters(weights):
    one, other = (forward_uncached(weights, ids)[-1] for ids in ([3, 4, 5], [4, 3, 5]))
    assert not np.allclose(one, other, atol=1e-3)


@pytest.mark.parametrize("sizes", [[20], [19, 1], [1] * 20, [7, 5, 8]])
def test_a_prompt_in_pieces_over_a_cache_equals_the_prompt_in_one_piece(weights, sizes):
    cache, ends = new_cache(), np.cumsum(sizes)
    pieces = [
        forward(weights, TOKENS[end - size : end], cache)
        for size, end in zip(sizes, ends, strict=True)
    ]
    assert np.allclose(np.vstack(pieces), forward_uncached(weights, TOKENS), atol=1e-5)
    assert cache.num_tokens == 20


def test_the_last_row_can_be_had_alone(weights):
    expected = forward_uncached(weights, TOKENS)[-1:]
    assert np.allclose(forward_uncached(weights, TOKENS, last_only=True), expected, atol=1e-5)
    assert np.allclose(forward(weights, TOKENS, new_cache(), last_only=True), expected, atol=1e-5)


def test_nothing_on_the_way_is_float64(weights, monkeypatch):
    seen = []

    class Watched(ContiguousCache):
        def append(self, layer, k, v):
            seen.extend([k.dtype, v.dtype])
            return super().append(layer, k, v)

    logits = forward(weights, TOKENS, Watched(3, 2, 8, 64))
    assert {*seen, logits.dtype} == {np.dtype(np.float32)}


@pytest.mark.parametrize(
    ("token_ids", "message"),
    [
        ([], "at least one id"),
        ([[1, 2]], r"got shape \(1, 2\)"),
        ([1.0, 2.0], "whole numbers, got float64"),
        ([3, 50], "token ids go from 0 to 49, got 50"),
        ([-1, 3], "token ids go from 0 to 49, got -1"),
        ([1] * 65, "65 tokens after 0 exceed the context of 64"),
    ],
)
def test_tokens_that_cannot_be_processed_are_refused(weights, token_ids, message):
    for process in (
        lambda: forward(weights, token_ids, new_cache(100)),
        lambda: forward_uncached(weights, token_ids),
    ):
        with pytest.raises(ValueError, match=message):
            process()


def test_the_context_ends_for_past_and_new_tokens_together(weights):
    cache = new_cache(100)
    forward(weights, [1] * 60, cache)
    with pytest.raises(ValueError, match="5 tokens after 60 exceed the context of 64"):
        forward(weights, [1] * 5, cache)


def test_a_pass_that_fails_leaves_the_cache_as_it_was(weights):
    cache = new_cache(10)
    forward(weights, TOKENS[:8], cache)
    with pytest.raises(ValueError, match="3 new tokens after 8 exceed capacity 10"):
        forward(weights, TOKENS[8:11], cache)
    logits = forward(weights, TOKENS[8:10], cache)
    assert np.allclose(logits, forward_uncached(weights, TOKENS[:10])[8:], atol=1e-5)
