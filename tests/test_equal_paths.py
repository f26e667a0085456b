"""The ladder of equal decoders: whatever is saved, the logits and the tokens stay the same.

The oracle is an engine we did not write: `tests/data/README.md` says which and how it was run.
"""

import numpy as np
import pytest

from membound.cache.contiguous import ContiguousCache
from membound.gguf.reader import read_gguf
from membound.model.transformer import forward, forward_uncached
from membound.model.weights import load_weights

pytestmark = pytest.mark.model

TOLERANCE = 1e-3  # float32 rounding moves these logits, of size 38, by 1e-4


@pytest.fixture(scope="module")
def weights(model_path):
    with read_gguf(model_path) as gguf:
        return load_weights(gguf)


@pytest.fixture(scope="module")
def reference(data):
    with np.load(data / "smollm2-logits.npz") as arrays:
        return dict(arrays)


def new_cache(weights, capacity):
    config = weights.config
    return ContiguousCache(config.num_layers, config.num_kv_heads, config.head_dim, capacity)


def check(logits, reference):
    """All 160 rows against llama.cpp's."""
    assert logits.dtype == np.float32
    assert np.abs(logits[reference["positions"]] - reference["logits"]).max() < TOLERANCE
    assert np.array_equal(logits.argmax(axis=-1), reference["argmax"])
    largest = logits.max(axis=-1)
    logsumexp = largest + np.log(np.exp(logits - largest[:, None]).sum(axis=-1))
    assert np.abs(logsumexp - reference["logsumexp"]).max() < TOLERANCE


def test_uncached_logits_are_llama_cpps(weights, reference):
    check(forward_uncached(weights, reference["ids"]), reference)


def test_logits_over_a_cache_in_chunks_are_llama_cpps(weights, reference):
    cache = new_cache(weights, 160)
    chunks = np.split(reference["ids"], [100, 101, 140])
    check(np.vstack([forward(weights, chunk, cache) for chunk in chunks]), reference)
