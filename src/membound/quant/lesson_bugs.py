"""Three quantisers that look right and are not, for the reader to find out why.

Each takes `weights` (rows, columns) and returns them as read back from 8 bits per row. The right
answer is `quantize(weights, bits=8, per="row", scheme="affine")`, or "offset".
"""

import numpy as np

from membound.arrays import Float32


def _least_and_scale(weights: Float32) -> tuple[Float32, Float32]:
    least = weights.min(axis=1, keepdims=True)
    scale = (weights.max(axis=1, keepdims=True) - least) / np.float32(255)
    return least, np.where(scale == 0, np.float32(1), scale)


def rounded_twice(weights: Float32) -> Float32:
    """Encode from the exact minimum, but decode from the rounded zero point."""
    least, scale = _least_and_scale(weights)
    zero_point = np.rint(-least / scale)
    codes = np.rint((weights - least) / scale)
    return scale * (codes - zero_point)


def clipped_zero_point(weights: Float32) -> Float32:
    """Keep the zero point within the codes, 0 to 255, and not the range around 0."""
    least, scale = _least_and_scale(weights)
    zero_point = np.clip(np.rint(-least / scale), 0, 255)
    codes = np.clip(np.rint((weights - least) / scale), 0, 255)
    return scale * (codes - zero_point)


def forgotten_minimum(weights: Float32) -> Float32:
    """Encode as round((w - min) / scale), and decode as scale * code."""
    least, scale = _least_and_scale(weights)
    codes = np.rint((weights - least) / scale)
    return scale * codes
