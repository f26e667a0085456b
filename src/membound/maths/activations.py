"""SiLU, and SwiGLU, the gated form in which Llama uses it.

    silu(x) = x · sigmoid(x) = x / (1 + exp(-x))
    swiglu(gate, up) = silu(gate) · up

Shazeer, "GLU Variants Improve Transformer" (arXiv 2002.05202), equations 5 and 6; its xW is our
`gate` and its xV our `up`.
"""

import numpy as np

from membound.arrays import Float32


def silu(x: Float32) -> Float32:
    """Return x · sigmoid(x), element by element; no finite x overflows."""
    # exp(-x) overflows float32 below -88; exp(-|x|) never does, and sigmoid(x) is 1 / (1 + e) on
    # the right of zero and e / (1 + e) on the left.
    small = np.exp(-np.abs(x))
    return x * np.where(x >= 0, np.float32(1), small) / (1 + small)


def swiglu(gate: Float32, up: Float32) -> Float32:
    """Return silu(gate) · up; both are (..., intermediate_size)."""
    return silu(gate) * up
