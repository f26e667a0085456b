"""Top-k and top-p: which tokens may be drawn at all.

Top-k keeps the k most probable tokens. Top-p (nucleus sampling; Holtzman et al., "The Curious Case
of Neural Text Degeneration", arXiv 1904.09751, section 3.1) keeps the fewest tokens, most probable
first, whose probabilities sum to at least p: few where the model is sure, many where it is not.

Among equally probable tokens the lower id comes first, so that a filter's choice is one fixed set.
"""

import numpy as np

from membound.arrays import Float32
from membound.maths.softmax import softmax


def keep_top_k(logits: Float32, k: int) -> Float32:
    """Return `logits` (vocab_size,) with all but the k largest at -inf; all, if k is larger."""
    if k < 1:
        raise ValueError(f"k must be at least 1, got {k}")
    if k >= len(logits):
        return logits.copy()
    least = np.partition(logits, -k)[-k]
    above = np.flatnonzero(logits > least)
    level = np.flatnonzero(logits == least)  # in order of id
    return _keep(logits, np.concatenate([above, level[: k - len(above)]]))


def keep_top_p(logits: Float32, p: float) -> Float32:
    """Return `logits` (vocab_size,) with all but the nucleus of probability p at -inf."""
    if not 0 < p <= 1:
        raise ValueError(f"p must be above 0 and at most 1, got {p}")
    probabilities = softmax(logits)
    order = np.argsort(-probabilities, kind="stable")
    # In float64: float32 sums of 49152 terms end at 0.99999 or 1.00001.
    sums = np.cumsum(probabilities[order], dtype=np.float64)
    num_kept = np.searchsorted(sums, p * sums[-1]) + 1
    return _keep(logits, order[:num_kept])


def _keep(logits: Float32, kept: np.ndarray) -> Float32:
    out = np.full_like(logits, -np.inf)
    out[kept] = logits[kept]
    return out
