"""Small integers packed into bytes, and the two numbers that every scale is made from."""

import numpy as np

from membound.arrays import Array, Float32

SMALLEST_WITH_AN_INVERSE = 1 / np.finfo(np.float32).max


def unpack(data: Array, width: int) -> Array:
    """Codes (..., 8 // width, row_bytes) of `width` bits from bytes (..., row_bytes).

    A byte's codes are a row apart, not neighbours: with four bits, byte i holds codes i and
    i + row_bytes. One SIMD shift then yields a register of neighbours.
    """
    codes = np.empty((*data.shape[:-1], 8 // width, data.shape[-1]), np.uint8)
    for place in range(8 // width):
        np.right_shift(data, width * place, out=codes[..., place, :])
    codes &= 2**width - 1
    return codes


def pack(codes: Array, width: int) -> Array:
    """Bytes (..., row_bytes) from codes (..., 8 // width, row_bytes) below 2**width."""
    data = codes[..., 0, :].copy()
    for place in range(1, 8 // width):
        data |= codes[..., place, :] << (width * place)
    return data


def column(field: Array) -> Float32:
    """One number per block as a float32 column, to meet that block's row of weights."""
    return field.astype(np.float32)[:, np.newaxis]


def invert(scale: Float32) -> Float32:
    """1 / scale; 0 where the scale is too small to have an inverse in float32."""
    inverse = np.zeros_like(scale)
    np.divide(1, scale, out=inverse, where=np.abs(scale) > SMALLEST_WITH_AN_INVERSE)
    return inverse


def as_columns(weights: Float32, group_size: int) -> Float32:
    """A copy of weights (num_blocks, block_size) with groups as columns: (group_size, num_groups).

    What is then done to each group is one long SIMD loop over all of them.
    """
    return np.ascontiguousarray(weights.reshape(-1, group_size).T)


def largest(groups: Float32) -> Float32:
    """The largest magnitude in each column."""
    return np.abs(np.maximum(groups.max(axis=0), -groups.min(axis=0)))


def widest(groups: Float32) -> Float32:
    """The weight of largest magnitude, signed, in each column. Of two, the upper."""
    high, low = groups.max(axis=0), groups.min(axis=0)
    found = np.where(high > -low, high, low)
    tied = np.flatnonzero(high == -low)
    place = np.abs(groups[:, tied]).argmax(axis=0)
    found[tied] = groups[place, tied]
    return found
