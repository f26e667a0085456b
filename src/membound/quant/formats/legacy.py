"""Q8_0, Q4_0, Q4_1, Q5_0, Q5_1: 32 weights on one line, and where each of them lies on it.

    *_0:  weight = scale * code              code is signed, or shifted by half its range
    *_1:  weight = scale * code + minimum    code counts up from the lowest weight

Byte for byte what `quantize_row_*_ref` of ggml-quants.c (ggml) writes.
"""

import numpy as np

from membound.arrays import Array, Float32
from membound.quant.formats.codes import (
    as_columns,
    as_rows,
    column,
    invert,
    largest,
    unpack,
    widest,
)
from membound.quant.formats.layout import BlockFormat, packed

Q8_0_BLOCK = packed(("scale", "<f2"), ("codes", "i1", 32))
Q4_0_BLOCK = packed(("scale", "<f2"), ("nibbles", "u1", 16))
Q4_1_BLOCK = packed(("scale", "<f2"), ("minimum", "<f2"), ("nibbles", "u1", 16))
Q5_0_BLOCK = packed(("scale", "<f2"), ("fifth_bits", "u1", 4), ("nibbles", "u1", 16))
Q5_1_BLOCK = packed(
    ("scale", "<f2"), ("minimum", "<f2"), ("fifth_bits", "u1", 4), ("nibbles", "u1", 16)
)

SIGN_BIT = np.uint32(1 << 31)
BELOW_HALF = np.nextafter(np.float32(0.5), np.float32(0))


def decode_q8_0(blocks: Array, weights: Float32) -> None:
    """`weight = scale * code`, code from -128 to 127."""
    weights[:] = blocks["codes"]
    weights *= column(blocks["scale"])


def unpack_five_bits(blocks: Array) -> Array:
    """Codes (n, 32) from nibbles and from one bit each in the little-endian uint32 beside them."""
    codes = np.unpackbits(blocks["fifth_bits"], axis=1, bitorder="little")
    codes <<= 4
    codes |= unpack(blocks["nibbles"], 4).reshape(-1, 32)
    return codes


def decode_q4_0(blocks: Array, weights: Float32) -> None:
    """`weight = scale * (code - 8)`."""
    codes = unpack(blocks["nibbles"], 4).view(np.int8)
    weights.reshape(-1, 2, 16)[:] = codes - np.int8(8)
    weights *= column(blocks["scale"])


def decode_q5_0(blocks: Array, weights: Float32) -> None:
    """`weight = scale * (code - 16)`."""
    weights[:] = unpack_five_bits(blocks).view(np.int8) - np.int8(16)
    weights *= column(blocks["scale"])


def decode_q4_1(blocks: Array, weights: Float32) -> None:
    """`weight = scale * code + minimum`."""
    weights.reshape(-1, 2, 16)[:] = unpack(blocks["nibbles"], 4)
    weights *= column(blocks["scale"])
    weights += column(blocks["minimum"])


def decode_q5_1(blocks: Array, weights: Float32) -> None:
    """`weight = scale * code + minimum`."""
    weights[:] = unpack_five_bits(blocks)
    weights *= column(blocks["scale"])
    weights += column(blocks["minimum"])


def encode_q8_0(weights: Float32, blocks: Array) -> None:
    """Put the largest magnitude on code 127 or -127, and round halves away from zero."""
    groups = as_columns(weights, 32)
    scale = largest(groups) / np.float32(127)
    blocks["scale"] = scale
    groups *= invert(scale)
    # 0.5 itself would lift 0.49999997 to 1. What lies below it will do: a tie's sum rounds up.
    away_from_zero = groups.view(np.uint32) & SIGN_BIT
    away_from_zero |= BELOW_HALF.view(np.uint32)
    groups += away_from_zero.view(np.float32)
    blocks["codes"] = as_rows(groups.astype(np.int8).view(np.uint8)).view(np.int8)


def centred_codes(weights: Float32, blocks: Array, half: int) -> Array:
    """Codes (32, n) with the weight of largest magnitude on 0, and zero on `half`."""
    groups = as_columns(weights, 32)
    scale = widest(groups) / np.float32(-half)
    blocks["scale"] = scale
    groups *= invert(scale)
    groups += np.float32(half + 0.5)
    return np.minimum(groups, np.full_like(scale, 2 * half - 1), out=groups).astype(np.uint8)


def lifted_codes(weights: Float32, blocks: Array, top: int) -> Array:
    """Codes (32, n) with the lowest weight on 0 and the highest on `top`."""
    groups = as_columns(weights, 32)
    minimum = groups.min(axis=0)
    scale = (groups.max(axis=0) - minimum) / np.float32(top)
    blocks["scale"] = scale
    blocks["minimum"] = minimum
    groups -= minimum
    groups *= invert(scale)
    groups += np.float32(0.5)
    return np.minimum(groups, np.full_like(scale, top), out=groups).astype(np.uint8)


def store_four_bits(codes: Array, blocks: Array) -> None:
    """Codes (32, n) as nibbles."""
    blocks["nibbles"] = as_rows(codes[:16] | (codes[16:] << 4))


def store_five_bits(codes: Array, blocks: Array) -> None:
    """Codes (32, n) as nibbles, and the fifth bits of a block as one little-endian uint32."""
    blocks["fifth_bits"] = np.packbits(as_rows(codes >> 4), axis=1, bitorder="little")
    store_four_bits(codes & 15, blocks)


def encode_q4_0(weights: Float32, blocks: Array) -> None:
    """Sixteen codes around zero: -8 to 7 steps."""
    store_four_bits(centred_codes(weights, blocks, half=8), blocks)


def encode_q4_1(weights: Float32, blocks: Array) -> None:
    """Sixteen codes from the lowest weight to the highest."""
    store_four_bits(lifted_codes(weights, blocks, top=15), blocks)


def encode_q5_0(weights: Float32, blocks: Array) -> None:
    """Thirty-two codes around zero: -16 to 15 steps."""
    store_five_bits(centred_codes(weights, blocks, half=16), blocks)


def encode_q5_1(weights: Float32, blocks: Array) -> None:
    """Thirty-two codes from the lowest weight to the highest."""
    store_five_bits(lifted_codes(weights, blocks, top=31), blocks)


Q8_0 = BlockFormat("Q8_0", 8, 32, Q8_0_BLOCK, decode_q8_0, encode_q8_0)
Q4_0 = BlockFormat("Q4_0", 2, 32, Q4_0_BLOCK, decode_q4_0, encode_q4_0)
Q4_1 = BlockFormat("Q4_1", 3, 32, Q4_1_BLOCK, decode_q4_1, encode_q4_1)
Q5_0 = BlockFormat("Q5_0", 6, 32, Q5_0_BLOCK, decode_q5_0, encode_q5_0)
Q5_1 = BlockFormat("Q5_1", 7, 32, Q5_1_BLOCK, decode_q5_1, encode_q5_1)
