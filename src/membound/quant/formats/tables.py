"""IQ4_NL, IQ4_XS, MXFP4, NVFP4: sixteen levels out of a table instead of evenly on a line.

    weight = scale * LEVELS[code]

IQ4 spaces its levels as weights are spread, closer near zero. FP4 levels are the sixteen values of
a float with 1 sign, 2 exponent and 1 mantissa bit, doubled to be whole; its scales are floats of 8
bits: E8M0, a power of two for 32 weights (MXFP4, OCP Microscaling Formats v1.0), or UE4M3 for 16
(NVFP4). (`dequantize_row_iq4_*`, `dequantize_row_*fp4` of ggml-quants.c, ggml)
"""

import numpy as np

from membound.arrays import Array, Float32
from membound.quant.formats import table_encoders
from membound.quant.formats.codes import column, unpack
from membound.quant.formats.layout import BlockFormat, packed
from membound.quant.formats.table_encoders import FP4_LEVELS, IQ4_LEVELS, half_power_of_two

IQ4_NL_BLOCK = packed(("scale", "<f2"), ("nibbles", "u1", 16))
IQ4_XS_BLOCK = packed(
    ("scale", "<f2"),
    ("scale_high_bits", "<u2"),
    ("scale_low_bits", "u1", 4),
    ("nibbles", "u1", (8, 16)),
)
MXFP4_BLOCK = packed(("exponent", "u1"), ("nibbles", "u1", 16))
NVFP4_BLOCK = packed(("scales", "u1", 4), ("nibbles", "u1", (4, 8)))


def by_byte(levels: tuple[int, ...]) -> tuple[bytes, bytes]:
    """For each byte the level of its low nibble and that of its high one, as signed bytes."""
    table = np.array(levels, np.int8)
    every_byte = np.arange(256)
    return table[every_byte & 15].tobytes(), table[every_byte >> 4].tobytes()


IQ4_BY_BYTE = by_byte(IQ4_LEVELS)
FP4_BY_BYTE = by_byte(FP4_LEVELS)


def look_up(nibbles: Array, by_byte: tuple[bytes, bytes]) -> Array:
    """The levels (..., 2, row_bytes) as int8 of nibbles (..., row_bytes).

    `bytes.translate` looks up a byte in a nanosecond; NumPy's indexing first makes each an int64.
    """
    levels = np.empty((*nibbles.shape[:-1], 2, nibbles.shape[-1]), np.int8)
    data = nibbles.tobytes()
    for place, table in enumerate(by_byte):
        found = np.frombuffer(data.translate(table), np.int8)
        levels[..., place, :] = found.reshape(nibbles.shape)
    return levels


def decode_iq4_nl(blocks: Array, weights: Float32) -> None:
    """One scale for 32 weights."""
    weights.reshape(-1, 2, 16)[:] = look_up(blocks["nibbles"], IQ4_BY_BYTE)
    weights *= column(blocks["scale"])


def decode_iq4_xs(blocks: Array, weights: Float32) -> None:
    """One scale for 256 weights, and a code of six bits, -32 to 31, for each 32 of them."""
    low = unpack(blocks["scale_low_bits"][:, :, np.newaxis], 4).reshape(-1, 8)
    high = (blocks["scale_high_bits"][:, np.newaxis] >> np.arange(0, 16, 2, dtype="u2")) & 3
    scale = column(blocks["scale"]) * ((low | (high << 4)).astype(np.float32) - 32)
    groups = weights.reshape(-1, 8, 2, 16)
    groups[:] = look_up(blocks["nibbles"], IQ4_BY_BYTE)
    groups *= scale[:, :, np.newaxis, np.newaxis]


def ue4m3_table() -> Float32:
    """Each byte as a UE4M3 float, halved for the doubled levels: 4 exponent, 3 mantissa bits.

    The top bit counts for nothing, and 0x7F, a NaN, is read as zero, both as in ggml.
    """
    exponent, mantissa = (np.arange(256) >> 3) & 15, np.arange(256) & 7
    normal = np.ldexp(1 + mantissa / 8, exponent - 8)
    table = np.where(exponent == 0, np.ldexp(mantissa, -10), normal)
    table[0x7F] = 0
    return table.astype(np.float32)


UE4M3 = ue4m3_table()


def decode_mxfp4(blocks: Array, weights: Float32) -> None:
    """A power of two for 32 weights."""
    weights.reshape(-1, 2, 16)[:] = look_up(blocks["nibbles"], FP4_BY_BYTE)
    weights *= half_power_of_two(blocks["exponent"])[:, np.newaxis]


def decode_nvfp4(blocks: Array, weights: Float32) -> None:
    """Four small floats, each for 16 of the 64 weights."""
    groups = weights.reshape(-1, 4, 2, 8)
    groups[:] = look_up(blocks["nibbles"], FP4_BY_BYTE)
    groups *= UE4M3[blocks["scales"]][:, :, np.newaxis, np.newaxis]


IQ4_NL = BlockFormat("IQ4_NL", 20, 32, IQ4_NL_BLOCK, decode_iq4_nl, table_encoders.encode_iq4_nl)
IQ4_XS = BlockFormat("IQ4_XS", 23, 256, IQ4_XS_BLOCK, decode_iq4_xs)
MXFP4 = BlockFormat("MXFP4", 39, 32, MXFP4_BLOCK, decode_mxfp4, table_encoders.encode_mxfp4)
NVFP4 = BlockFormat("NVFP4", 40, 64, NVFP4_BLOCK, decode_nvfp4)
