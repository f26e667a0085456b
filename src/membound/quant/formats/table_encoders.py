"""Encoders of IQ4_NL and MXFP4: find the nearest of sixteen uneven levels.

The code of a number is how many midpoints between neighbouring levels lie below it.
(`quantize_row_iq4_nl_impl` and `quantize_row_mxfp4_ref` of ggml-quants.c in ggml)
"""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from membound.arrays import Array, Float32
from membound.quant.formats.codes import as_columns, as_rows, invert, largest, widest
from membound.quant.formats.search import total

IQ4_LEVELS = (-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113)
FP4_LEVELS = (0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12)

# The levels on which a trial puts the weight of largest magnitude.
IQ4_TRIALS = (-141, -134, -127, -120, -113, 113, 120)


def nearest(numbers: Float32, levels: Sequence[int]) -> Array:
    """Codes of the nearest of rising `levels`; of two that are as near, the lower."""
    codes = np.zeros(numbers.shape, np.uint8)
    for lower, upper in pairwise(levels):
        codes += (numbers > np.float32((lower + upper) / 2)).view(np.uint8)
    return codes


def look_up_iq4(codes: Array) -> Float32:
    """The levels of codes."""
    table = np.array(IQ4_LEVELS, np.int8).tobytes().ljust(256)
    levels = np.frombuffer(codes.tobytes().translate(table), np.int8)
    return levels.reshape(codes.shape).astype(np.float32)


def store_nibbles(codes: Array, blocks: Array) -> None:
    """Codes (32, num_blocks), two to a byte."""
    blocks["nibbles"] = as_rows(codes[:16] | (codes[16:] << 4))


def encode_iq4_nl(weights: Float32, blocks: Array) -> None:
    """The trial scale whose codes, refitted, leave the least error; large weights count more."""
    groups = as_columns(weights, 32)
    importance = np.square(groups)
    weighted, inverse = groups * importance, invert(widest(groups))
    scale, gain = np.zeros_like(inverse), np.zeros_like(inverse)
    for trial in IQ4_TRIALS:
        levels = look_up_iq4(nearest(groups * (trial * inverse), IQ4_LEVELS))
        level_weight = total(weighted, levels)
        candidate = level_weight * invert(total(importance * levels, levels))
        better = candidate * level_weight > gain
        scale = np.where(better, candidate, scale)
        gain = np.where(better, candidate * level_weight, gain)
    blocks["scale"] = scale
    groups *= invert(blocks["scale"].astype(np.float32))
    store_nibbles(nearest(groups, IQ4_LEVELS), blocks)


def half_power_of_two(exponent: Array) -> Float32:
    """E8M0 to float32, halved for the doubled levels: 2 ** (exponent - 128).

    Float32 keeps its own exponent in the same bits, but for the two smallest, which are denormal.
    """
    bits = (exponent.astype(np.uint32) - 1) << 23
    return np.where(exponent < 2, np.uint32(0x00200000) << exponent, bits).view(np.float32)


def encode_mxfp4(weights: Float32, blocks: Array) -> None:
    """The power of two that brings the largest magnitude to 8 or more, below 16."""
    groups = as_columns(weights, 32)
    magnitude = largest(groups)
    exponent = np.log2(magnitude, out=np.full_like(magnitude, -np.inf), where=magnitude > 0)
    blocks["exponent"] = np.maximum(np.floor(exponent) + 125, 0)
    groups *= invert(half_power_of_two(blocks["exponent"]))
    codes = nearest(np.abs(groups), FP4_LEVELS[:8])
    codes |= (groups < -0.5).view(np.uint8) << 3  # code 8 is minus zero, which ggml does not write
    store_nibbles(codes, blocks)
