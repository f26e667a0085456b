"""Each test is one sentence that `membound.quant.degrid` says of itself."""

import numpy as np
import pytest

from membound.gguf.reader import read_gguf
from membound.quant import blocks
from membound.quant.degrid import degrid, q4_1_steps


@pytest.fixture
def on_the_grid() -> np.ndarray:
    """Weights that have been through Q4_1 once."""
    weights = np.random.default_rng(0).normal(0, 0.05, (64, 96)).astype(np.float32)
    return through_q4_1(weights)


def through_q4_1(weights):
    return blocks.dequantize(blocks.quantize(weights, "Q4_1"), "Q4_1", weights.shape)


def test_weights_on_the_grid_lose_nothing_there_and_degridded_ones_do(on_the_grid):
    assert np.abs(through_q4_1(on_the_grid) - on_the_grid).max() < 1e-6
    off = degrid(on_the_grid, 0)
    error = (through_q4_1(off) - off).reshape(64, 3, 32) / q4_1_steps(off)
    # Each block's least and greatest of 32 are exact, the others uniform within a step.
    assert np.isclose(np.mean(error**2), 30 / 32 / 12, rtol=0.05)


def test_the_noise_is_uniform_within_half_a_step(on_the_grid):
    noise = (degrid(on_the_grid, 0) - on_the_grid).reshape(64, 3, 32) / q4_1_steps(on_the_grid)
    assert np.abs(noise).max() <= 0.5 + 1e-4
    counts, _ = np.histogram(noise, bins=8, range=(-0.5, 0.5))
    assert np.allclose(counts / noise.size, 1 / 8, atol=0.015)


def test_a_seed_names_one_model(on_the_grid):
    off = degrid(on_the_grid, (1, 2))
    assert off.dtype == np.float32
    assert np.array_equal(off, degrid(on_the_grid, (1, 2)))
    assert not np.array_equal(off, degrid(on_the_grid, (1, 3)))


def test_a_constant_block_stays_as_it_is():
    constant = np.full((1, 32), 0.25, np.float32)
    assert np.array_equal(degrid(constant, 0), constant)


def test_rows_that_are_not_blocks_are_refused():
    with pytest.raises(ValueError, match="rows of 40 do not split into blocks of 32"):
        degrid(np.zeros((2, 40), np.float32), 0)


@pytest.mark.model
def test_the_real_model_s_steps_are_the_scales_in_its_file(model_path):
    with read_gguf(model_path) as gguf:
        for name in ("blk.0.attn_q.weight", "blk.11.ffn_down.weight", "blk.27.ffn_gate.weight"):
            assert gguf.tensors[name].type_name == "Q4_1"
            first_two_bytes = gguf.raw(name).reshape(-1, 20)[:, :2]
            stored = np.ascontiguousarray(first_two_bytes).view("<f2").astype(np.float32)
            assert np.array_equal(q4_1_steps(gguf.tensor(name)).ravel(), stored.ravel())
