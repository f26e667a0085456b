"""Small integers packed into bytes, and the two numbers every scale is made from."""

import numpy as np

from membound.arrays import Array, Float32

SMALLEST_WITH_AN_INVERSE = 1 / np.finfo(np.float32).max


def split_nibbles(nibbles: Array, codes: Float32) -> None:
    """Fill `codes` (n, 32) from bytes (n, 16): the low halves first, then the high halves.

    Byte i holds weight i and weight i + 16, so that one SIMD shift yields 16 neighbours.
    """
    codes[:, :16] = nibbles & 15
    codes[:, 16:] = nibbles >> 4


def to_nibbles(codes: Array) -> Array:
    """Codes (n, 32) to bytes (n, 16), in the order of `split_nibbles`; bits above four are cut."""
    return (codes[:, :16] & 15) | (codes[:, 16:] << 4)


def add_fifth_bit(fifth_bits: Array, codes: Float32) -> None:
    """Add 16 to each code (n, 32) whose bit is set in its block's little-endian uint32 (n,)."""
    as_bytes = fifth_bits.astype("<u4").view(np.uint8).reshape(-1, 4)
    codes += np.unpackbits(as_bytes, axis=1, bitorder="little") << 4


def fifth_bits(codes: Array) -> Array:
    """Bit 4 of each code (n, 32), gathered into one uint32 (n,) per block."""
    return np.packbits(codes >> 4, axis=1, bitorder="little").view("<u4")[:, 0]


def invert(scale: Float32) -> Float32:
    """1 / scale; 0 where the scale is too small to have an inverse in float32."""
    inverse = np.zeros_like(scale)
    np.divide(1, scale, out=inverse, where=np.abs(scale) > SMALLEST_WITH_AN_INVERSE)
    return inverse


def widest(weights: Float32) -> Float32:
    """The weight of largest magnitude, signed, in each row: a column. Of two, the first."""
    column = np.abs(weights).argmax(axis=1, keepdims=True)
    return np.take_along_axis(weights, column, axis=1)
