"""Rotary position embedding (RoPE): a token's position as a rotation of its query and key.

Pair j of a head's channels, read as one complex number, turns by position · base^(-2j/head_dim):

    rotate(x, m)_j = (x_2j + i·x_2j+1) · exp(i · m · base^(-2j/head_dim))

Su et al., "RoFormer" (arXiv 2104.09864), equations 14 and 34. The score of a query at m and a key
at n then depends on m - n alone.

Two conventions are about. Here a pair is two *adjacent* channels (2j, 2j+1), as in the paper, in
Meta's Llama code and in GGUF files of the Llama architecture. Hugging Face's Llama pairs channel
j with j + head_dim/2; llama.cpp's converter reorders the rows of its query and key matrices
(`permute` in its convert_hf_to_gguf.py), so a GGUF file needs the adjacent form.
"""

import numpy as np
from numpy.typing import ArrayLike

from membound.arrays import Complex64, Float32


def rotary_table(num_positions: int, head_dim: int, base: float) -> Complex64:
    """Return the unit rotations of positions 0, 1, ...: (num_positions, head_dim / 2)."""
    return rotations_at(np.arange(num_positions), head_dim, base)


def rotations_at(positions: ArrayLike, head_dim: int, base: float) -> Complex64:
    """Return the unit rotations of `positions` (seq_len,): (seq_len, head_dim / 2)."""
    if head_dim % 2:
        raise ValueError(f"head_dim must be even to split into pairs, got {head_dim}")
    # The angles in float64: a float32 angle of 8000 radians is off by up to 2e-4.
    frequencies = float(base) ** (-np.arange(0, head_dim, 2) / head_dim)
    angles = np.outer(positions, frequencies)
    return np.exp(1j * angles).astype(np.complex64)


def rotate(x: Float32, rotations: Complex64) -> Float32:
    """Rotate `x` (..., seq_len, head_dim) by `rotations` (seq_len, head_dim / 2).

    Row t of `x` takes row t of `rotations`: pass the rows of the tokens' own positions.
    """
    pairs = np.ascontiguousarray(x).view(np.complex64)  # [..., head_dim] -> [..., head_dim / 2]
    return (pairs * rotations).view(np.float32)
