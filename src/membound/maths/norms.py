"""RMSNorm: divide a vector by its root mean square, then scale each channel.

    rms_norm(x)_i = x_i / sqrt(mean(x²) + eps) · weight_i

Zhang and Sennrich, "Root Mean Square Layer Normalization" (arXiv 1910.07467), equation 4. Unlike
LayerNorm it subtracts no mean and adds no bias.
"""

import numpy as np

from membound.arrays import Float32


def rms_norm(x: Float32, weight: Float32, eps: float) -> Float32:
    """Normalise the last axis of `x` (..., hidden_size) with `weight` (hidden_size,)."""
    mean_square = np.mean(x * x, axis=-1, keepdims=True)
    # np.sqrt of a Python float would be a float64 scalar, and float64 spreads to all it touches.
    return x / np.sqrt(mean_square + np.float32(eps)) * weight
