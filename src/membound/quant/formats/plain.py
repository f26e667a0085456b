"""F32, F16, BF16: one number, one weight, no block.

BF16 is the upper half of a float32: the same exponent, 8 bits of precision instead of 24.
"""

import numpy as np

from membound.arrays import Array, Float32
from membound.quant.formats.half import from_half, to_half
from membound.quant.formats.layout import BlockFormat, packed

FLOAT32 = packed(("value", "<f4"))
FLOAT16 = packed(("bits", "<u2"))
BFLOAT16 = packed(("upper_half", "<u2"))


def decode_f32(blocks: Array, weights: Float32) -> None:
    """Copy."""
    weights[:, 0] = blocks["value"]


def encode_f32(weights: Float32, blocks: Array) -> None:
    """Copy."""
    blocks["value"] = weights[:, 0]


def decode_f16(blocks: Array, weights: Float32) -> None:
    """Widen, exactly."""
    from_half(blocks["bits"], weights[:, 0])


def encode_f16(weights: Float32, blocks: Array) -> None:
    """Round to nearest, ties to even."""
    to_half(weights[:, 0], blocks["bits"])


def decode_bf16(blocks: Array, weights: Float32) -> None:
    """Put the stored half back on top, over sixteen zero bits."""
    np.left_shift(blocks["upper_half"], 16, out=weights[:, 0].view(np.uint32), dtype=np.uint32)


def encode_bf16(weights: Float32, blocks: Array) -> None:
    """Round to nearest, ties to even: add just under half of what the cut bits count, then cut."""
    bits = weights[:, 0].view(np.uint32)
    bits = bits + 0x7FFF + ((bits >> 16) & 1)
    if not np.isfinite(bits.view(np.float32)).all():
        raise FloatingPointError("overflow in rounding to bfloat16")
    blocks["upper_half"] = bits >> 16


F32 = BlockFormat("F32", 0, 1, FLOAT32, decode_f32, encode_f32)
F16 = BlockFormat("F16", 1, 1, FLOAT16, decode_f16, encode_f16)
BF16 = BlockFormat("BF16", 30, 1, BFLOAT16, decode_bf16, encode_bf16)
