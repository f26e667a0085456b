"""Each test is one sentence that `membound.model.config` says of itself."""

import math
from dataclasses import replace

import numpy as np
import pytest

import tiny
from membound.gguf.reader import read_gguf
from membound.model.config import ModelConfig


def without(key):
    return {name: value for name, value in tiny.METADATA.items() if name != key}


def test_the_sizes_come_from_the_metadata():
    assert ModelConfig.from_metadata(tiny.METADATA) == tiny.CONFIG
    assert (tiny.CONFIG.query_size, tiny.CONFIG.kv_size) == (48, 16)


def test_what_the_format_leaves_optional_has_the_formats_defaults():
    config = ModelConfig.from_metadata(without("llama.attention.head_count_kv"))
    assert config.num_kv_heads == config.num_heads
    assert config.rope_base == 10_000
    config = ModelConfig.from_metadata(without("llama.attention.key_length"))
    assert config.head_dim == 24 // 6


@pytest.mark.parametrize(
    "key",
    [
        "llama.block_count",
        "llama.context_length",
        "llama.embedding_length",
        "llama.feed_forward_length",
        "llama.attention.head_count",
        "llama.attention.layer_norm_rms_epsilon",
        "tokenizer.ggml.tokens",
    ],
)
def test_a_missing_key_is_named(key):
    with pytest.raises(ValueError, match=f"the metadata has no {key}"):
        ModelConfig.from_metadata(without(key))


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("general.architecture", "gemma3", "must be 'llama'.*got 'gemma3'"),
        ("llama.rope.scaling.type", "yarn", "llama.rope.scaling.type must be 'none', got 'yarn'"),
        ("llama.rope.dimension_count", 4, "dimension_count must equal the head_dim 8, got 4"),
        ("llama.attention.value_length", 16, "value_length must equal the head_dim 8, got 16"),
        ("llama.attention.head_count_kv", 4, "multiple of num_kv_heads.*got 6 and 4"),
        ("llama.attention.head_count_kv", [2, 2], r"must be a whole number from 1, got \[2, 2\]"),
        ("llama.attention.head_count", 0, "llama.attention.head_count must .* from 1, got 0"),
        ("llama.block_count", 0, "llama.block_count must be a whole number from 1, got 0"),
        ("llama.block_count", True, "llama.block_count must .* from 1, got True"),
        ("llama.attention.key_length", 7, "head_dim must be even to rotate in pairs, got 7"),
        ("llama.rope.freq_base", math.nan, "llama.rope.freq_base must .* positive number, got nan"),
        ("llama.rope.freq_base", math.inf, "llama.rope.freq_base must .* positive number, got inf"),
        ("llama.attention.key_length", math.nan, "key_length must be a whole number"),
    ],
)
def test_a_model_that_cannot_be_computed_is_refused(key, value, message):
    with pytest.raises(ValueError, match=message):
        ModelConfig.from_metadata(tiny.METADATA | {key: value})


@pytest.mark.parametrize("key", [key for key in tiny.METADATA if key != "tokenizer.ggml.tokens"])
@pytest.mark.parametrize(
    "value",
    ["ten", "", [], ["a"], [np.arange(2)], np.arange(0), np.arange(40), np.ones(2), -1, math.nan],
)
def test_a_value_of_another_type_is_refused_by_its_key_on_one_line(key, value):
    with pytest.raises(ValueError, match=rf"^{key} must be [^\n]{{5,200}}$"):
        ModelConfig.from_metadata(tiny.METADATA | {key: value})


def test_heads_that_do_not_split_the_hidden_size_need_a_width():
    metadata = without("llama.attention.key_length") | {"llama.attention.head_count": 5}
    with pytest.raises(ValueError, match=r"must split evenly.*got 24 and 5"):
        ModelConfig.from_metadata(metadata)


def test_a_config_made_by_hand_is_checked_too():
    with pytest.raises(ValueError, match="vocab_size must be positive, got -1"):
        replace(tiny.CONFIG, vocab_size=-1)


@pytest.mark.model
def test_the_real_models_sizes_are_those_its_authors_publish(model_path):
    with read_gguf(model_path) as gguf:
        config = ModelConfig.from_metadata(gguf.metadata)
    assert (config.num_layers, config.hidden_size, config.intermediate_size) == (30, 576, 1536)
    assert (config.num_heads, config.num_kv_heads, config.head_dim) == (9, 3, 64)
    assert (config.vocab_size, config.context_length, config.rope_base) == (49152, 8192, 1e5)
