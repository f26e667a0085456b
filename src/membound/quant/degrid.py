"""Undo what a 4-bit file does to experiments: weights that already lie on a quantiser's grid.

The real model comes as Q4_1, so each block of 32 weights lies on a line of 16 levels, and rounding
it to that line again loses nothing: Q4_1 would look as good as float32, and its relatives better
than they are. `degrid` puts every weight somewhere else in its level's cell, evenly, as the
weights lay before they were rounded. The result is a model of its own, a worse one, and no
estimate of the original weights; but it has no grid, so formats can be compared on it.
"""

from collections.abc import Sequence

import numpy as np

from membound.arrays import Float32

BLOCK_SIZE = 32
NUM_STEPS = 15


def q4_1_steps(weights: Float32) -> Float32:
    """The distance of two levels in each block of 32: (..., width) to (..., width / 32, 1).

    The encoder gives a block's least weight code 0 and its greatest code 15, so the step can be
    read off the decoded weights (in the real model in each of its 3,317,760 blocks).
    """
    if weights.shape[-1] % BLOCK_SIZE:
        raise ValueError(f"rows of {weights.shape[-1]} do not split into blocks of {BLOCK_SIZE}")
    blocks = weights.reshape(*weights.shape[:-1], -1, BLOCK_SIZE)
    return np.ptp(blocks, axis=-1, keepdims=True) / np.float32(NUM_STEPS)


def degrid(weights: Float32, seed: int | Sequence[int]) -> Float32:
    """Add noise, uniform within half a step of Q4_1, to `weights` (..., width) off a Q4_1 grid."""
    steps = q4_1_steps(weights)
    noise = np.random.default_rng(seed).random(weights.shape, np.float32) - np.float32(0.5)
    blocks = noise.reshape(*weights.shape[:-1], -1, BLOCK_SIZE)
    blocks *= steps
    return weights + noise
