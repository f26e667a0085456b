"""Each test shows one mistake of `membound.attention.lesson_bugs`, and that it is one."""

import numpy as np
import pytest

from membound.attention.counted import CountedAttention
from membound.attention.lesson_bugs import cache_beside_the_work, prompt_end_twice


@pytest.fixture(scope="module")
def layer():
    return CountedAttention(hidden_size=64, num_heads=4, seed=0)


@pytest.fixture(scope="module")
def inputs():
    return np.random.default_rng(1).normal(size=(40, 64)).astype(np.float32)


def test_a_cache_beside_the_work_is_right_and_saves_nothing(layer, inputs):
    uncached, pretended = layer.run_uncached(inputs), cache_beside_the_work(layer, inputs)
    assert np.abs(pretended.outputs - uncached.outputs).max() < 1e-5
    assert pretended.num_projected == uncached.num_projected == 40 * 41 // 2
    assert pretended.num_attention_macs == uncached.num_attention_macs
    assert pretended.num_macs == uncached.num_macs


def continued(layer, prompt, num_new):
    """Each output is the next input, and everything is computed anew."""
    sequence = prompt
    for _ in range(num_new):
        sequence = np.vstack([sequence, layer.run_uncached(sequence).outputs[-1:]])
    return sequence[len(prompt) :]


def test_a_prompts_end_cached_twice_changes_every_vector_from_the_first(layer, inputs):
    prompt = inputs[:8]
    right, wrong = continued(layer, prompt, 6), prompt_end_twice(layer, prompt, 6).outputs
    error = np.linalg.norm(wrong - right, axis=1) / np.linalg.norm(right, axis=1)
    assert error.min() > 0.02
    assert wrong.shape == right.shape  # all that a test of the lengths would see


def test_cached_twice_is_a_prompt_with_its_last_token_repeated(layer, inputs):
    prompt = inputs[:8]
    repeated = continued(layer, np.vstack([prompt, prompt[-1:]]), 6)
    assert np.allclose(prompt_end_twice(layer, prompt, 6).outputs, repeated, atol=1e-5)
