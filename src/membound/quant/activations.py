"""Activations as int8, so that a product runs in whole numbers.

    y = x Wᵀ ≈ scale_x (codes_x codes_Wᵀ) scale_W

The sum runs over the columns, so a scale can wait for its end only if it is the same for all
columns: one for each row of x (a token), one for each row of W (an output channel). A scale of its
own for each input channel, where the outliers are, would have to go into every term. Blocks of 32
columns are the middle way: one whole-number sum for each block, as llama.cpp computes its dot
products (`ggml_vec_dot_q8_0_q8_0` in ggml-cpu/quants.c).

Xiao et al., "SmoothQuant" (arXiv 2211.10438), figure 3, has the names per tensor and per token.
"""

import numpy as np

from membound.arrays import Array, Float32
from membound.quant.integer import Per, quantize


def round_activations(x: Float32, per: Per, bits: int = 8) -> Float32:
    """Return `x` (num_tokens, width) as it reads after `quantize`: symmetric, scales in float32.

    `per` is "tensor", "row" (a token) or a block's size.
    """
    return quantize(x, bits=bits, per=per).dequantize()


def int8_codes(x: Float32) -> tuple[Array, Float32]:
    """The int8 codes (num_rows, width) of `x`, and a float32 scale (num_rows, 1) for each row."""
    quantized = quantize(x, bits=8, per="row")
    codes = quantized.codes.astype(np.int16) - 128  # stored as 1 to 255
    return codes.astype(np.int8), quantized.scale


def int8_linear(x: Float32, matrix: Float32) -> Float32:
    """Multiply `x` (num_tokens, in) by `matrix` (out, in) in whole numbers: (num_tokens, out).

    Codes are multiplied and summed as int32, and scaled once at the end.
    """
    x_codes, x_scale = int8_codes(x)
    matrix_codes, matrix_scale = int8_codes(matrix)
    sums = np.matmul(x_codes, matrix_codes.T, dtype=np.int32)
    return x_scale * sums.astype(np.float32) * matrix_scale.T
