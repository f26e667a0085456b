"""Encoders of the K-quants: fit the groups, make codes of their scales, round the weights.

A block's scales are codes on one float16 unit, so they are rounded, and rounded again. The codes of
the weights are therefore taken last, against the scales as a reader will find them.
(`quantize_row_q*_K_ref` of ggml-quants.c in ggml)
"""

import numpy as np

from membound.arrays import Array, Float32
from membound.quant.formats.codes import as_columns, as_rows, column, invert, pack, widest
from membound.quant.formats.search import LineFit, fit_line, fit_signed, round_codes


def lean_to_large(groups: Float32) -> Float32:
    """Importance for fits with a minimum: a weight's size, and the typical size in its group."""
    return np.abs(groups) + np.sqrt(np.square(groups).mean(axis=0))


def to_codes(values: Float32, unit: Array, lowest: int, highest: int) -> Array:
    """Group values (num_groups,) as codes (num_blocks, groups_per_block) on the block's unit."""
    values = values.reshape(len(unit), -1)
    return np.rint(values * invert(column(unit))).clip(lowest, highest).astype(np.int8)


def encode_lines(fit: LineFit, blocks: Array, code_top: int) -> tuple[Array, Array, Array]:
    """Store the units of scales and minima; return the codes of scales, of minima, of weights.

    Codes of scales and minima (num_blocks, groups_per_block) go from 0 to `code_top`. The minima
    are rounded first, so that the scales can make up for it.
    """
    num_blocks = len(blocks)
    depth = -fit.minimum
    blocks["min_scale"] = depth.reshape(num_blocks, -1).max(axis=1) / np.float32(code_top)
    min_codes = to_codes(depth, blocks["min_scale"], 0, code_top)
    minimum = -(column(blocks["min_scale"]) * min_codes).ravel()

    scale = fit.scale_for(minimum)
    blocks["scale"] = scale.reshape(num_blocks, -1).max(axis=1) / np.float32(code_top)
    scale_codes = to_codes(scale, blocks["scale"], 0, code_top)
    scale = (column(blocks["scale"]) * scale_codes).ravel()

    codes = fit.groups - minimum
    round_codes(codes, invert(scale), 0, fit.top, codes)
    return (
        scale_codes.view(np.uint8),
        min_codes.view(np.uint8),
        as_rows(codes.astype(np.uint8)).reshape(-1, 256),
    )


def encode_signed(
    weights: Float32, blocks: Array, half: int, code_half: int
) -> tuple[Array, Array]:
    """Store the unit of scales; return the codes of scales and of weights, for groups of 16.

    Codes of scales (num_blocks, 16) go from `-code_half`. Those of weights go from 0 to
    `2 * half - 1`, with zero at `half`.
    """
    groups = as_columns(weights, 16)
    scale = fit_signed(groups, np.square(groups), half)
    blocks["scale"] = widest(scale.reshape(-1, 16).T) / np.float32(-code_half)
    scale_codes = to_codes(scale, blocks["scale"], -code_half, code_half - 1)
    scale = (column(blocks["scale"]) * scale_codes).ravel()
    round_codes(groups, invert(scale), -half, half - 1, groups)
    groups += half
    return scale_codes, as_rows(groups.astype(np.uint8)).reshape(-1, 256)


def pack_six_bits(scale_codes: Array, min_codes: Array) -> Array:
    """Twelve bytes (n, 12) from two times eight codes (n, 8): see `scale_codes_of_six_bits`."""
    scales = scale_codes[:, :4] | ((scale_codes[:, 4:] >> 4) << 6)
    minima = min_codes[:, :4] | ((min_codes[:, 4:] >> 4) << 6)
    nibbles = (scale_codes[:, 4:] & 15) | ((min_codes[:, 4:] & 15) << 4)
    return np.hstack([scales, minima, nibbles])


def encode_q2_k(weights: Float32, blocks: Array) -> None:
    """Groups of 16, codes 0 to 3, codes of scales and minima 0 to 15."""
    groups = as_columns(weights, 16)
    fit = fit_line(groups, np.abs(groups), 3)
    scale_codes, min_codes, codes = encode_lines(fit, blocks, 15)
    blocks["scale_and_min_codes"] = pack(np.stack([scale_codes, min_codes], axis=1), 4)
    blocks["two_bits"] = pack(codes.reshape(-1, 2, 4, 32), 2)


def encode_q3_k(weights: Float32, blocks: Array) -> None:
    """Groups of 16, codes -4 to 3, codes of scales -32 to 31."""
    scale_codes, codes = encode_signed(weights, blocks, 4, 32)
    scale_codes = (scale_codes + np.int8(32)).view(np.uint8)
    blocks["scale_codes"][:, :8] = pack((scale_codes & 15).reshape(-1, 2, 8), 4)
    blocks["scale_codes"][:, 8:] = pack((scale_codes >> 4).reshape(-1, 4, 4), 2)
    blocks["two_bits"] = pack((codes & 3).reshape(-1, 2, 4, 32), 2)
    blocks["third_bit"] = pack((codes >> 2).reshape(-1, 8, 32), 1)


def encode_q4_k(weights: Float32, blocks: Array) -> None:
    """Groups of 32, codes 0 to 15, codes of scales and minima 0 to 63."""
    groups = as_columns(weights, 32)
    fit = fit_line(groups, lean_to_large(groups), 15)
    scale_codes, min_codes, codes = encode_lines(fit, blocks, 63)
    blocks["scale_and_min_codes"] = pack_six_bits(scale_codes, min_codes)
    blocks["nibbles"] = pack(codes.reshape(-1, 4, 2, 32), 4)


def encode_q5_k(weights: Float32, blocks: Array) -> None:
    """Groups of 32, codes 0 to 31, codes of scales and minima 0 to 63."""
    groups = as_columns(weights, 32)
    fit = fit_line(groups, lean_to_large(groups), 31)
    scale_codes, min_codes, codes = encode_lines(fit, blocks, 63)
    blocks["scale_and_min_codes"] = pack_six_bits(scale_codes, min_codes)
    blocks["nibbles"] = pack((codes & 15).reshape(-1, 4, 2, 32), 4)
    blocks["fifth_bit"] = pack((codes >> 4).reshape(-1, 8, 32), 1)


def encode_q6_k(weights: Float32, blocks: Array) -> None:
    """Groups of 16, codes -32 to 31, codes of scales -128 to 127."""
    scale_codes, codes = encode_signed(weights, blocks, 32, 128)
    blocks["scale_codes"] = scale_codes
    blocks["nibbles"] = pack((codes & 15).reshape(-1, 2, 2, 64), 4)
    blocks["two_bits"] = pack((codes >> 4).reshape(-1, 2, 4, 32), 2)
