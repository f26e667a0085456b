"""Softmax: scores to weights that sum to one.

softmax(s)_i = exp(s_i) / sum_j exp(s_j)
"""

import numpy as np

from membound.arrays import Float32


def softmax(scores: Float32) -> Float32:
    """Turn the last axis into weights that sum to one; no finite score overflows.

    A score of -inf gets weight 0; at least one score of each row must be finite.
    """
    # exp overflows float32 above 88. Subtracting the row's maximum cancels in the quotient and
    # leaves exp(0) = 1 as the largest term.
    weights = np.exp(scores - scores.max(axis=-1, keepdims=True))
    weights /= weights.sum(axis=-1, keepdims=True)
    return weights
