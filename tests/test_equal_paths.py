"""The ladder of equal decoders: whatever is saved, the logits and the tokens stay the same.

The oracle is an engine we did not write: `tests/data/README.md` says which and how it was run.
"""

import json

import numpy as np
import pytest

from membound.cache.concatenated import ConcatenatedCache
from membound.decode.generate import generate, generate_uncached
from membound.model.load import load_model
from membound.model.transformer import forward_uncached

pytestmark = pytest.mark.model

TOLERANCE = 1e-3  # float32 rounding moves these logits, of size 38, by 1e-4


@pytest.fixture(scope="module")
def model(model_path):
    return load_model(model_path)


@pytest.fixture(scope="module")
def reference(data):
    with np.load(data / "smollm2-logits.npz") as arrays:
        return dict(arrays)


@pytest.fixture(scope="module")
def continuations(data):
    return json.loads((data / "smollm2-greedy.json").read_text())["cases"]


def check(logits, reference):
    """All 160 rows against llama.cpp's."""
    assert logits.dtype == np.float32
    assert np.abs(logits[reference["positions"]] - reference["logits"]).max() < TOLERANCE
    assert np.array_equal(logits.argmax(axis=-1), reference["argmax"])
    largest = logits.max(axis=-1)
    logsumexp = largest + np.log(np.exp(logits - largest[:, None]).sum(axis=-1))
    assert np.abs(logsumexp - reference["logsumexp"]).max() < TOLERANCE


def test_uncached_logits_are_llama_cpps(model, reference):
    check(forward_uncached(model.weights, reference["ids"]), reference)


def test_logits_over_a_cache_in_chunks_are_llama_cpps(model, reference):
    cache = model.new_cache(160)
    chunks = np.split(reference["ids"], [100, 101, 140])
    check(np.vstack([model.forward(chunk, cache) for chunk in chunks]), reference)


def test_logits_one_token_at_a_time_are_llama_cpps(model, reference):
    cache, ids = model.new_cache(160), reference["ids"]
    prompt = model.forward(ids[:120], cache)
    steps = [model.decode(token_id, cache) for token_id in ids[120:]]
    check(np.vstack([prompt, *steps]), reference)


@pytest.mark.parametrize("case", range(4))
def test_greedy_tokens_are_llama_cpps(model, continuations, case):
    prompt, expected = continuations[case]["prompt_ids"], continuations[case]["greedy_ids"]
    assert list(generate(model, prompt, max_new_tokens=len(expected))) == expected


def test_uncached_tokens_are_the_same(model, continuations):
    prompt, expected = continuations[0]["prompt_ids"], continuations[0]["greedy_ids"][:12]
    assert list(generate_uncached(model, prompt, max_new_tokens=12)) == expected


def test_a_long_context_is_the_same_token_by_token_to_the_last_place(model, reference):
    ids = np.tile(reference["ids"], 4)[:600]
    whole, pieces = model.new_cache(600), model.new_cache(600)
    expected = model.prefill(ids, whole)
    model.prefill(ids[:560], pieces)
    for token_id in ids[560:]:
        logits = model.decode(token_id, pieces)
    assert np.abs(logits - expected).max() < TOLERANCE
    assert logits.argmax() == expected.argmax()
    with pytest.raises(ValueError, match="exceed capacity 600"):
        model.decode(1, pieces)


def test_a_growing_cache_gives_the_same_tokens(model, continuations):
    config = model.config
    cache = ConcatenatedCache(config.num_layers, config.num_kv_heads, config.head_dim)
    prompt, expected = continuations[1]["prompt_ids"], continuations[1]["greedy_ids"][:20]
    assert list(generate(model, prompt, max_new_tokens=20, cache=cache)) == expected
