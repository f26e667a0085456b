"""Each test is one sentence that `membound.model.load` says of itself."""

import numpy as np
import pytest

import tiny
from membound.model.load import Model, load_model


@pytest.fixture(scope="module")
def model():
    return Model(tiny.weights())


def test_its_passes_are_one_model(model):
    token_ids = [7, 3, 9, 30]
    rows = model.forward(token_ids, model.new_cache(4))
    assert rows.shape == (4, 50)
    assert np.allclose(model.prefill(token_ids, model.new_cache(4)), rows[-1], atol=1e-5)
    cache = model.new_cache(4)
    steps = [model.decode(token_id, cache) for token_id in token_ids]
    assert np.allclose(steps, rows, atol=1e-5)


def test_a_new_cache_has_the_models_sizes_and_the_room_asked_for(model):
    cache = model.new_cache(11)
    assert cache.capacity == 11
    assert cache.nbytes == 2 * 3 * 2 * 8 * 11 * 4


def test_a_path_that_leads_nowhere_is_not_found(tmp_path):
    with pytest.raises(FileNotFoundError):
        load_model(tmp_path / "none.gguf")


def test_a_file_of_another_kind_is_refused(tmp_path):
    path = tmp_path / "notes.gguf"
    path.write_text("these are not weights")
    with pytest.raises(ValueError, match=r"notes\.gguf"):
        load_model(path)


@pytest.mark.model
def test_the_real_model_is_loaded_with_its_words_and_without_a_second_copy(model_path):
    model = load_model(model_path)
    assert model.tokenizer.decode(model.tokenizer.encode("What is gravity?")) == "What is gravity?"
    # 134,515,008 parameters (its authors say 135M), and the embedding row that a token looks up.
    assert model.weights.bytes_read_per_token == 4 * (134_515_008 + 576)
    arena = model.weights.head.base
    assert all(layer.qkv.base is arena for layer in model.weights.layers)
