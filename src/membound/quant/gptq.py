"""GPTQ: round the columns of a matrix one by one, and let the rest make up for each error.

What matters is not W but what it does to its inputs X (num_tokens, in):

    min ‖X Wᵀ − X Ŵᵀ‖²        H = XᵀX + λI

Rounding column i of W errs by e = w_i − ŵ_i. Because inputs are correlated, later columns can undo
a part of what that does to the output; with Uᵀ U = H⁻¹, U upper triangular, the best they can do is

    w_j ← w_j − e · U_ij / U_ii        for all j > i

Frantar et al., "GPTQ" (arXiv 2210.17323), algorithm 1, whose H has a factor 2 that cancels. Each
weight may get another code, but the lines are those of rounding to nearest: same bits, same bytes.
Left out is the paper's batching of updates, which saves time and changes nothing.
"""

from dataclasses import replace

import numpy as np

from membound.arrays import Array, Float32
from membound.quant.integer import Per, QuantizedArray, Scheme, quantize
from membound.quant.lines import Line, decode, encode
from membound.quant.packing import pack


def gptq(
    matrix: Float32,
    inputs: Float32,
    *,
    bits: int,
    per: Per = "row",
    scheme: Scheme = "symmetric",
    scale_dtype: type[np.floating] = np.float16,
    damping: float = 0.01,
    act_order: bool = False,
) -> QuantizedArray:
    """Quantise `matrix` (out, in) for `inputs` (num_tokens, in) such as it will be multiplied by.

    `damping` is λ as a share of H's mean diagonal. The paper takes 0.01 and 262,144 tokens; with
    hundreds it takes about 1, or what is learnt from them harms the output of all others. With
    `act_order` the columns with the largest inputs come first, while all others can still make up
    for them.
    """
    if per == "tensor":
        raise ValueError("per must be 'row' or a group's size: GPTQ rounds each row by itself")
    nearest = quantize(matrix, bits=bits, per=per, scheme=scheme, scale_dtype=scale_dtype)
    num_columns = matrix.shape[1]
    group_size = num_columns // nearest.scale.shape[1]

    order = np.arange(num_columns)
    if act_order:
        order = np.argsort(-np.square(inputs).sum(axis=0), kind="stable")
    upper = inverse_factor(inputs[:, order], damping)
    left = matrix[:, order]  # a copy: what is still to be rounded, made up so far
    codes = np.empty(matrix.shape, np.uint8)
    for i, column in enumerate(order):
        line = line_of(nearest.line, column // group_size)
        code = encode(left[:, i, None, None], line, bits)
        codes[:, column] = code[:, 0, 0]
        error = left[:, i] - decode(code, line)[:, 0, 0]
        left[:, i + 1 :] -= np.outer(error, upper[i, i + 1 :] / upper[i, i])
    return replace(nearest, codes=pack(codes, bits))


def inverse_factor(inputs: Float32, damping: float) -> Float32:
    """The upper triangular U (in, in) with Uᵀ U = (XᵀX + λI)⁻¹."""
    x = inputs.astype(np.float64)  # H is often nearly singular: float32 would not invert it
    hessian = x.T @ x
    size = np.trace(hessian) / len(hessian)
    if not size > 0:
        raise ValueError("the inputs are all zero, or not finite: they tell no column from another")
    hessian[np.diag_indices_from(hessian)] += damping * size
    return np.linalg.cholesky(np.linalg.inv(hessian)).T.astype(np.float32)


def line_of(line: Line, group: int) -> Line:
    """The line of one group of each row."""

    def pick(part: Array | int | None) -> Array | int | None:
        return part[:, group : group + 1] if isinstance(part, np.ndarray) else part

    return Line(pick(line.scale), pick(line.zero_point), pick(line.low))


def output_error(inputs: Float32, matrix: Float32, rounded: Float32) -> float:
    """The share of the output's energy that is wrong: ‖X(W − Ŵ)ᵀ‖² / ‖XWᵀ‖²."""
    wrong, right = inputs @ (matrix - rounded).T, inputs @ matrix.T
    return float(np.sum(wrong * wrong) / np.sum(right * right))
