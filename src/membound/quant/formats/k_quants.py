"""Q2_K to Q6_K: 256 weights in groups, whose scales are small codes on one float16 scale.

    Q2_K, Q4_K, Q5_K:  weight = (scale * scale_code) * code - (min_scale * min_code)
    Q3_K, Q6_K:        weight = (scale * scale_code) * code         code is signed

A group is 16 weights (Q2_K, Q3_K, Q6_K) or 32 (Q4_K, Q5_K). Its scale and minimum take 4 to 12
bits together, where a legacy block spends 16 or 32. (`dequantize_row_q*_K`, ggml-quants.c in ggml)
"""

import numpy as np

from membound.arrays import Array, Float32
from membound.quant.formats import k_encoders
from membound.quant.formats.codes import as_columns, number, unpack
from membound.quant.formats.layout import BlockFormat, packed

Q2_K_BLOCK = packed(
    ("scale_and_min_codes", "u1", 16),  # scale in the low nibble, minimum in the high one
    ("two_bits", "u1", (2, 32)),
    ("scale", "<f2"),
    ("min_scale", "<f2"),
)
Q3_K_BLOCK = packed(
    ("third_bit", "u1", 32),
    ("two_bits", "u1", (2, 32)),
    ("scale_codes", "u1", 12),
    ("scale", "<f2"),
)
Q4_K_BLOCK = packed(
    ("scale", "<f2"),
    ("min_scale", "<f2"),
    ("scale_and_min_codes", "u1", 12),
    ("nibbles", "u1", (4, 32)),
)
Q5_K_BLOCK = packed(
    ("scale", "<f2"),
    ("min_scale", "<f2"),
    ("scale_and_min_codes", "u1", 12),
    ("fifth_bit", "u1", 32),
    ("nibbles", "u1", (4, 32)),
)
Q6_K_BLOCK = packed(
    ("nibbles", "u1", (2, 64)),
    ("two_bits", "u1", (2, 32)),
    ("scale_codes", "i1", 16),
    ("scale", "<f2"),
)


def scale_codes_of_six_bits(blocks: Array) -> tuple[Array, Array]:
    """Eight scale codes and eight minimum codes, (8, num_blocks) each, of Q4_K and Q5_K.

    Six bits each, in twelve bytes. The first four lie in the low bits of bytes 0-3 and 4-7. Of the
    last four, the low nibbles lie in bytes 8-11, the other two bits on top of the first four.
    """
    scales, minima, nibbles = as_columns(blocks["scale_and_min_codes"], 12).reshape(3, 4, -1)
    scale_codes = np.concatenate([scales & 63, (nibbles & 15) | ((scales >> 6) << 4)])
    min_codes = np.concatenate([minima & 63, (nibbles >> 4) | ((minima >> 6) << 4)])
    return scale_codes, min_codes


def scale_codes_of_q3(blocks: Array) -> Array:
    """Sixteen scale codes (16, num_blocks), -32 to 31: nibbles in 8 bytes, two bits in 4."""
    data = as_columns(blocks["scale_codes"], 12)
    nibbles = unpack(data[:8].reshape(-1), 4).reshape(16, -1)
    two_bits = unpack(data[8:].reshape(-1), 2).reshape(16, -1)
    return (nibbles | (two_bits << 4)).view(np.int8) - np.int8(32)


def scale_groups(
    codes: Array, weights: Float32, scale: Float32, minimum: Float32 | None = None
) -> None:
    """`weights = codes * scale - minimum`, one scale and minimum (num_groups, num_blocks) a group.

    Repeating them for each weight first is quicker than many short loops over the groups.
    """
    group_size = weights.shape[1] // len(scale)
    weights[:] = codes.reshape(weights.shape)
    weights *= np.repeat(scale.T, group_size).reshape(weights.shape)
    if minimum is not None:
        weights -= np.repeat(minimum.T, group_size).reshape(weights.shape)


def decode_q2_k(blocks: Array, weights: Float32) -> None:
    """Codes 0 to 3, groups of 16."""
    group_codes = as_columns(blocks["scale_and_min_codes"], 16)
    scale = number(blocks["scale"]) * (group_codes & 15)
    minimum = number(blocks["min_scale"]) * (group_codes >> 4)
    scale_groups(unpack(blocks["two_bits"], 2), weights, scale, minimum)


def decode_q3_k(blocks: Array, weights: Float32) -> None:
    """Codes -4 to 3, groups of 16."""
    codes = unpack(blocks["third_bit"], 1).reshape(-1, 256)
    codes <<= 2
    codes |= unpack(blocks["two_bits"], 2).reshape(-1, 256)
    scale = number(blocks["scale"]) * scale_codes_of_q3(blocks)
    scale_groups(codes.view(np.int8) - np.int8(4), weights, scale)


def decode_q4_k(blocks: Array, weights: Float32) -> None:
    """Codes 0 to 15, groups of 32."""
    scale_codes, min_codes = scale_codes_of_six_bits(blocks)
    scale = number(blocks["scale"]) * scale_codes
    minimum = number(blocks["min_scale"]) * min_codes
    scale_groups(unpack(blocks["nibbles"], 4), weights, scale, minimum)


def decode_q5_k(blocks: Array, weights: Float32) -> None:
    """Codes 0 to 31, groups of 32."""
    codes = unpack(blocks["fifth_bit"], 1).reshape(-1, 256)
    codes <<= 4
    codes |= unpack(blocks["nibbles"], 4).reshape(-1, 256)
    scale_codes, min_codes = scale_codes_of_six_bits(blocks)
    scale = number(blocks["scale"]) * scale_codes
    minimum = number(blocks["min_scale"]) * min_codes
    scale_groups(codes, weights, scale, minimum)


def decode_q6_k(blocks: Array, weights: Float32) -> None:
    """Codes -32 to 31, groups of 16 whose scale codes are signed."""
    codes = unpack(blocks["two_bits"], 2).reshape(-1, 256)
    codes <<= 4
    codes |= unpack(blocks["nibbles"], 4).reshape(-1, 256)
    scale = number(blocks["scale"]) * as_columns(blocks["scale_codes"], 16)
    scale_groups(codes.view(np.int8) - np.int8(32), weights, scale)


Q2_K = BlockFormat("Q2_K", 10, 256, Q2_K_BLOCK, decode_q2_k, k_encoders.encode_q2_k)
Q3_K = BlockFormat("Q3_K", 11, 256, Q3_K_BLOCK, decode_q3_k, k_encoders.encode_q3_k)
Q4_K = BlockFormat("Q4_K", 12, 256, Q4_K_BLOCK, decode_q4_k, k_encoders.encode_q4_k)
Q5_K = BlockFormat("Q5_K", 13, 256, Q5_K_BLOCK, decode_q5_k, k_encoders.encode_q5_k)
Q6_K = BlockFormat("Q6_K", 14, 256, Q6_K_BLOCK, decode_q6_k, k_encoders.encode_q6_k)
