"""Each test is one sentence that `membound.model.fast` says of itself."""

from dataclasses import replace

import numpy as np
import pytest

import tiny
from membound.cache.concatenated import ConcatenatedCache
from membound.cache.contiguous import ContiguousCache
from membound.model.fast import FastDecoder
from membound.model.transformer import forward

TOKENS = np.random.default_rng(0).integers(0, 50, 64).tolist()


@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize(
    "new_cache", [lambda: ContiguousCache(3, 2, 8, 64), lambda: ConcatenatedCache(3, 2, 8)]
)
def test_every_step_to_the_end_of_the_context_equals_the_plain_pass(tied, new_cache):
    weights = tiny.weights(tied=tied)
    fast, cache, plain_cache = FastDecoder(weights), new_cache(), new_cache()
    for token_id in TOKENS:
        logits = fast.decode(token_id, cache)
        assert logits.dtype == np.float32
        plain = forward(weights, [token_id], plain_cache)[0]
        assert np.allclose(logits, plain, atol=1e-5)
    assert cache.num_tokens == 64


def test_it_continues_a_prompt_that_the_plain_pass_processed():
    weights = tiny.weights()
    cache = ContiguousCache(3, 2, 8, 64)
    forward(weights, TOKENS[:30], cache)
    logits = FastDecoder(weights).decode(TOKENS[30], cache)
    whole = forward(weights, TOKENS[:31], ContiguousCache(3, 2, 8, 64))
    assert np.allclose(logits, whole[-1], atol=1e-5)


def test_rotations_made_in_advance_are_those_of_the_position_wherever_it_comes_from():
    weights = tiny.weights()
    weights = replace(weights, config=replace(weights.config, context_length=300))
    tokens = TOKENS * 5
    fast, cache = FastDecoder(weights), ContiguousCache(3, 2, 8, 300)
    forward(weights, tokens[:30], cache)
    decoded = [fast.decode(token_id, cache) for token_id in tokens[30:300]]
    whole = forward(weights, tokens[:300], ContiguousCache(3, 2, 8, 300))
    assert np.allclose(decoded, whole[30:], atol=1e-5)
    cache.truncate(5)  # and back, before the first of them
    assert np.allclose(fast.decode(tokens[5], cache), whole[5], atol=1e-5)


def test_the_next_step_leaves_the_last_ones_logits_alone():
    weights = tiny.weights()
    fast, cache = FastDecoder(weights), ContiguousCache(3, 2, 8, 64)
    first = fast.decode(1, cache)
    kept = first.copy()
    fast.decode(2, cache)
    assert np.array_equal(first, kept)


def test_rows_start_on_cache_lines_and_the_vectors_they_meet_do_not():
    starts = []

    class Watched(FastDecoder):
        @staticmethod
        def read_short_rows(matrix, x, out):
            starts.append((matrix.ctypes.data % 64, x.ctypes.data % 64))
            np.vecdot(matrix, x, out)

    Watched(tiny.weights()).decode(1, ContiguousCache(3, 2, 8, 64))
    assert set(starts) == {(0, 16)}


def test_token_ids_of_numpy_and_none_at_all():
    fast, cache = FastDecoder(tiny.weights()), ContiguousCache(3, 2, 8, 64)
    expected = FastDecoder(tiny.weights()).decode(7, ContiguousCache(3, 2, 8, 64))
    assert np.array_equal(fast.decode(np.int64(7), cache), expected)
    for wrong in (-1, 1.5, np.float32(2), None):
        with pytest.raises(ValueError, match="token"):
            fast.decode(wrong, cache)
    assert cache.num_tokens == 1


def test_the_weights_are_left_as_they_were():
    weights, untouched = tiny.weights(), tiny.weights()
    fast, cache = FastDecoder(weights), ContiguousCache(3, 2, 8, 64)
    for token_id in TOKENS[:3]:
        fast.decode(token_id, cache)
    assert np.array_equal(weights.embedding, untouched.embedding)


def test_gates_far_below_zero_do_not_overflow():
    weights = tiny.weights()
    for layer in weights.layers:
        layer.gate[:] *= 1000
    logits = FastDecoder(weights).decode(1, ContiguousCache(3, 2, 8, 64))
    plain = forward(weights, [1], ContiguousCache(3, 2, 8, 64))[0]
    assert np.allclose(logits, plain, rtol=1e-4, atol=1e-3)


def test_what_cannot_be_processed_is_refused():
    fast = FastDecoder(tiny.weights())
    cache = ContiguousCache(3, 2, 8, 2)
    with pytest.raises(ValueError, match="token ids go from 0 to 49, got 50"):
        fast.decode(50, cache)
    fast.decode(1, cache)
    fast.decode(1, cache)
    with pytest.raises(ValueError, match="1 new tokens after 2 exceed capacity 2"):
        fast.decode(1, cache)
    unlimited = ConcatenatedCache(3, 2, 8)
    for token_id in TOKENS:
        fast.decode(token_id, unlimited)
    with pytest.raises(ValueError, match="1 tokens after 64 exceed the context of 64"):
        fast.decode(1, unlimited)
