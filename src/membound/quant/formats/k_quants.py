"""Q2_K to Q6_K: 256 weights in groups, whose scales are small codes on one float16 scale.

    Q2_K, Q4_K, Q5_K:  weight = (scale * scale_code) * code - (min_scale * min_code)
    Q3_K, Q6_K:        weight = (scale * scale_code) * code         code is signed

A group is 16 weights (Q2_K, Q3_K, Q6_K) or 32 (Q4_K, Q5_K). Its scale and minimum take 4 to 12
bits together, where a legacy block spends 16 or 32. (`dequantize_row_q*_K`, ggml-quants.c in ggml)
"""

import numpy as np

from membound.arrays import Array, Float32
from membound.quant.formats import k_encoders
from membound.quant.formats.codes import column, unpack
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
    ("scale_and_min_codes", "u1", (3, 4)),
    ("nibbles", "u1", (4, 32)),
)
Q5_K_BLOCK = packed(
    ("scale", "<f2"),
    ("min_scale", "<f2"),
    ("scale_and_min_codes", "u1", (3, 4)),
    ("fifth_bit", "u1", 32),
    ("nibbles", "u1", (4, 32)),
)
Q6_K_BLOCK = packed(
    ("nibbles", "u1", (2, 64)),
    ("two_bits", "u1", (2, 32)),
    ("scale_codes", "i1", 16),
    ("scale", "<f2"),
)


def unpack_six_bits(data: Array) -> tuple[Array, Array]:
    """Eight scale codes and eight minimum codes, each (n, 8) of six bits, from bytes (n, 3, 4).

    The first four of each fill the low six bits of rows 0 and 1. The last four lie apart: their low
    nibbles in row 2, their high two bits on top of rows 0 and 1.
    """
    scales, minima, nibbles = data[:, 0], data[:, 1], data[:, 2]
    scale_codes = np.hstack([scales & 63, (nibbles & 15) | ((scales >> 6) << 4)])
    min_codes = np.hstack([minima & 63, (nibbles >> 4) | ((minima >> 6) << 4)])
    return scale_codes, min_codes


def unpack_q3_scales(data: Array) -> Array:
    """Sixteen scale codes (n, 16), -32 to 31, from bytes (n, 12): nibbles in 8, two bits in 4."""
    nibbles = unpack(data[:, :8], 4).reshape(-1, 16)
    two_bits = unpack(data[:, 8:], 2).reshape(-1, 16)
    return (nibbles | (two_bits << 4)).view(np.int8) - np.int8(32)


def scale_groups(weights: Float32, scale: Float32, minimum: Float32 | None = None) -> None:
    """Codes to weights in place, with a scale and a minimum (n, num_groups) for each group."""
    groups = weights.reshape(*scale.shape, -1)
    groups *= scale[:, :, np.newaxis]
    if minimum is not None:
        groups -= minimum[:, :, np.newaxis]


def decode_q2_k(blocks: Array, weights: Float32) -> None:
    """Codes 0 to 3, groups of 16."""
    weights.reshape(-1, 2, 4, 32)[:] = unpack(blocks["two_bits"], 2)
    group_codes = unpack(blocks["scale_and_min_codes"], 4)
    scale, min_scale = column(blocks["scale"]), column(blocks["min_scale"])
    scale_groups(weights, scale * group_codes[:, 0], min_scale * group_codes[:, 1])


def decode_q3_k(blocks: Array, weights: Float32) -> None:
    """Codes -4 to 3, groups of 16."""
    codes = unpack(blocks["two_bits"], 2).reshape(-1, 256)
    codes |= unpack(blocks["third_bit"], 1).reshape(-1, 256) << 2
    weights[:] = codes
    weights -= 4
    scale_groups(weights, column(blocks["scale"]) * unpack_q3_scales(blocks["scale_codes"]))


def decode_q4_k(blocks: Array, weights: Float32) -> None:
    """Codes 0 to 15, groups of 32."""
    weights.reshape(-1, 4, 2, 32)[:] = unpack(blocks["nibbles"], 4)
    scale_codes, min_codes = unpack_six_bits(blocks["scale_and_min_codes"])
    scale, min_scale = column(blocks["scale"]), column(blocks["min_scale"])
    scale_groups(weights, scale * scale_codes, min_scale * min_codes)


def decode_q5_k(blocks: Array, weights: Float32) -> None:
    """Codes 0 to 31, groups of 32."""
    codes = unpack(blocks["nibbles"], 4).reshape(-1, 256)
    codes |= unpack(blocks["fifth_bit"], 1).reshape(-1, 256) << 4
    weights[:] = codes
    scale_codes, min_codes = unpack_six_bits(blocks["scale_and_min_codes"])
    scale, min_scale = column(blocks["scale"]), column(blocks["min_scale"])
    scale_groups(weights, scale * scale_codes, min_scale * min_codes)


def decode_q6_k(blocks: Array, weights: Float32) -> None:
    """Codes -32 to 31, groups of 16 whose scale codes are signed."""
    codes = unpack(blocks["nibbles"], 4).reshape(-1, 256)
    codes |= unpack(blocks["two_bits"], 2).reshape(-1, 256) << 4
    weights[:] = codes
    weights -= 32
    scale_groups(weights, column(blocks["scale"]) * blocks["scale_codes"])


Q2_K = BlockFormat("Q2_K", 10, 256, Q2_K_BLOCK, decode_q2_k, k_encoders.encode_q2_k)
Q3_K = BlockFormat("Q3_K", 11, 256, Q3_K_BLOCK, decode_q3_k, k_encoders.encode_q3_k)
Q4_K = BlockFormat("Q4_K", 12, 256, Q4_K_BLOCK, decode_q4_k, k_encoders.encode_q4_k)
Q5_K = BlockFormat("Q5_K", 13, 256, Q5_K_BLOCK, decode_q5_k, k_encoders.encode_q5_k)
Q6_K = BlockFormat("Q6_K", 14, 256, Q6_K_BLOCK, decode_q6_k, k_encoders.encode_q6_k)
