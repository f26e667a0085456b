"""Small integers packed into bytes, and the two numbers that every scale is made from."""

import numpy as np

from membound.arrays import Array, Float32

SMALLEST_WITH_AN_INVERSE = 1 / np.finfo(np.float32).max


def unpack(data: Array, width: int) -> Array:
    """Codes (..., 8 // width, row_bytes) of `width` bits from bytes (..., row_bytes).

    A byte's codes are a row apart, not neighbours: with four bits, byte i holds codes i and
    i + row_bytes. One SIMD shift then yields a register of neighbours.
    """
    data = np.ascontiguousarray(data)  # out of the structs first, where each row lies by itself
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


def number(field: Array) -> Float32:
    """One stored number per block, (num_blocks,), as float32."""
    return field.astype(np.float32)


def column(field: Array) -> Float32:
    """The same as a column, (num_blocks, 1), to meet each block's row of weights."""
    return number(field)[:, np.newaxis]


def invert(scale: Float32) -> Float32:
    """1 / scale; 0 where the scale is too small to have an inverse in float32."""
    inverse = np.zeros_like(scale)
    np.divide(1, scale, out=inverse, where=np.abs(scale) > SMALLEST_WITH_AN_INVERSE)
    return inverse


def as_columns(rows: Array, group_size: int) -> Array:
    """A copy of rows (num_blocks, row_length) with groups as columns: (group_size, num_groups).

    What is then done to each group is one long SIMD loop over all of them.
    """
    return np.ascontiguousarray(rows.reshape(-1, group_size).T)


def as_rows(columns: Array) -> Array:
    """Bytes (row_length, num_rows) turned to (num_rows, row_length); row_length divides by four.

    Four bytes are moved as one word: a copy that turns costs the same for either.
    """
    words = columns[0::4].astype("<u4")
    for place in (1, 2, 3):
        words |= columns[place::4].astype("<u4") << (8 * place)
    return np.ascontiguousarray(words.T).view(np.uint8)


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
