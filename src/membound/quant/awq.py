"""AWQ: make the columns that meet large inputs larger before rounding, and smaller after.

    X Wᵀ = (X / s)(W · s)ᵀ ≈ (X / s) Q(W · s)ᵀ        s_j = (mean |x_j|)^α

A column multiplied by s_j > 1 is rounded s_j times finer, at the price of its group's scale if it
becomes the largest there. α = 0 leaves everything as it is, α = 1 follows the inputs fully; a
search finds what serves the output best. Lin et al., "AWQ" (arXiv 2306.00978), equations 4 and 5.
Left out is the paper's clipping of the weights' range, which is another idea.

X / s costs nothing: what makes X, a norm or another matrix, is divided by s once.
"""

from dataclasses import dataclass

import numpy as np

from membound.arrays import Float32
from membound.quant.gptq import output_error
from membound.quant.integer import Per, QuantizedArray, Scheme, quantize


@dataclass(frozen=True)
class ScaledMatrix:
    """A matrix quantised as W · s; `column_scale` (in,) is s, found as (mean |x|)^`alpha`."""

    quantized: QuantizedArray
    column_scale: Float32
    alpha: float

    def dequantize(self) -> Float32:
        """The matrix (out, in) for inputs as they are, not divided by s."""
        return self.quantized.dequantize() / self.column_scale


def column_scale(inputs: Float32, alpha: float) -> Float32:
    """s (in,) for `inputs` (num_tokens, in), centred so that its largest times its least is 1.

    Columns that are never used count as the least used one.
    """
    size = np.abs(inputs).mean(axis=0)
    if not size.max() > 0 or not np.isfinite(size).all():
        raise ValueError("the inputs are all zero, or not finite: they tell no column from another")
    scale = np.maximum(size, size[size > 0].min()) ** np.float32(alpha)
    return scale / np.sqrt(scale.max() * scale.min())


def awq(
    matrix: Float32,
    inputs: Float32,
    *,
    bits: int,
    per: Per = "row",
    scheme: Scheme = "symmetric",
    scale_dtype: type[np.floating] = np.float16,
    num_alphas: int = 20,
) -> ScaledMatrix:
    """Quantise `matrix` (out, in) with the α of `num_alphas` in [0, 1) that serves `inputs` best.

    α = 0 is among them, so on these inputs it is never worse than rounding to nearest.
    """
    best, least = None, np.inf
    for alpha in np.arange(num_alphas) / num_alphas:
        scale = column_scale(inputs, alpha)
        quantized = quantize(
            matrix * scale, bits=bits, per=per, scheme=scheme, scale_dtype=scale_dtype
        )
        candidate = ScaledMatrix(quantized, scale, float(alpha))
        error = output_error(inputs, matrix, candidate.dequantize())
        if error < least:
            best, least = candidate, error
    assert best is not None
    return best
