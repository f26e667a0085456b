"""Each test is one sentence that `membound.decode.ladder` says of itself."""

import json

import numpy as np
import pytest

import tiny
from membound.cache.contiguous import ContiguousCache
from membound.decode.ladder import ladder
from membound.model.load import load_model
from membound.model.transformer import forward, forward_uncached

TOKENS = np.random.default_rng(0).integers(0, 50, 12).tolist()
NAMES = [rung.name for rung in ladder(tiny.weights())]


@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("name", NAMES)
def test_every_rung_computes_what_the_pass_without_a_cache_does(name, tied):
    weights = tiny.weights(tied=tied)
    rung = next(rung for rung in ladder(weights) if rung.name == name)
    cache = rung.new_cache(len(TOKENS))
    forward(weights, TOKENS[:4], cache)
    logits = [rung.decode(token_id, cache) for token_id in TOKENS[4:]]
    assert np.allclose(logits, forward_uncached(weights, TOKENS)[4:], atol=1e-5)
    assert cache.num_tokens == len(TOKENS)


def test_float64_leaks_on_the_first_rung_alone():
    for rung in ladder(tiny.weights()):
        logits = rung.decode(1, rung.new_cache(1))
        expected = np.float64 if rung.name == "float64 leaks in" else np.float32
        assert logits.dtype == expected, rung.name


def test_a_leak_reaches_the_keys_of_the_second_layer():
    rung = ladder(tiny.weights())[0]
    cache = rung.new_cache(1)
    rung.decode(1, cache)
    dtypes = [cache.append(layer, *[np.zeros((2, 1, 8), "f4")] * 2)[0].dtype for layer in (0, 1)]
    assert dtypes == [np.float32, np.float64]


def test_only_the_first_two_rungs_copy_the_past():
    copying = [hasattr(rung.new_cache(4), "bytes_copied") for rung in ladder(tiny.weights())]
    assert copying == [True, True, *[False] * 6]


def test_the_rungs_hold_three_layouts_and_no_more():
    rungs = ladder(tiny.weights())
    assert len({id(rung.weights.layers[0].gate_up) for rung in rungs}) == 3
    assert len({id(rung.weights.layers[0].down) for rung in rungs}) == 2


def test_what_cannot_be_processed_is_refused():
    for rung in ladder(tiny.weights()):
        cache = ContiguousCache(3, 2, 8, 1)
        with pytest.raises(ValueError, match="token ids go from 0 to 49, got 50"):
            rung.decode(50, cache)


@pytest.mark.model
def test_every_rung_chooses_llama_cpps_tokens(model_path, data):
    model = load_model(model_path)
    case = json.loads((data / "smollm2-greedy.json").read_text())["cases"][0]
    for rung in ladder(model.weights):
        cache = rung.new_cache(len(case["prompt_ids"]) + 3)
        token_ids = [int(model.prefill(case["prompt_ids"], cache).argmax())]
        for _ in range(2):
            token_ids.append(int(rung.decode(token_ids[-1], cache).argmax()))
        assert token_ids == case["greedy_ids"][:3], rung.name
