"""Weights to GGUF blocks and back, in every format that `membound.quant.formats` describes.

A tensor's bytes are its rows one after the other, each row cut into blocks along its last axis.
"""

import math
from collections.abc import Iterator
from types import MappingProxyType

import numpy as np
from numpy.typing import ArrayLike

from membound.arrays import Array, Bytes, Float32
from membound.quant.formats import k_quants, legacy, plain, tables
from membound.quant.formats.layout import BlockFormat

FORMATS = MappingProxyType(
    {
        block_format.name: block_format
        for block_format in (
            plain.F32,
            plain.F16,
            plain.BF16,
            legacy.Q8_0,
            legacy.Q4_0,
            legacy.Q4_1,
            legacy.Q5_0,
            legacy.Q5_1,
            k_quants.Q2_K,
            k_quants.Q3_K,
            k_quants.Q4_K,
            k_quants.Q5_K,
            k_quants.Q6_K,
            tables.IQ4_NL,
            tables.IQ4_XS,
            tables.MXFP4,
            tables.NVFP4,
        )
    }
)

CHUNK_WEIGHTS = 64 * 1024  # 256 KiB of float32: a chunk and its temporaries stay in the L2 cache


def find_format(name: str) -> BlockFormat:
    """The format called `name`; `ValueError` lists those that there are."""
    if name not in FORMATS:
        raise ValueError(f"no block format {name!r}; there are {', '.join(FORMATS)}")
    return FORMATS[name]


def bits_per_weight(format_name: str) -> float:
    """Stored bits for one weight, its share of the block's scales included."""
    return find_format(format_name).bits_per_weight


def count_blocks(block_format: BlockFormat, shape: tuple[int, ...]) -> int:
    """How many blocks hold a tensor of `shape`; each row must be a whole number of them."""
    if not shape or shape[-1] % block_format.block_size != 0:
        raise ValueError(
            f"{block_format.name} cuts rows into blocks of {block_format.block_size}: "
            f"the rows of shape {tuple(shape)} do not divide"
        )
    return math.prod(shape) // block_format.block_size


def chunks(block_format: BlockFormat, num_blocks: int) -> Iterator[slice]:
    """Slices of blocks, each small enough to stay in cache from its first pass to its last."""
    step = CHUNK_WEIGHTS // block_format.block_size
    for start in range(0, num_blocks, step):
        yield slice(start, start + step)


def encode_chunk(block_format: BlockFormat, weights: Float32, blocks: Array) -> None:
    """Fill `blocks`; `FloatingPointError` for any number that they cannot hold."""
    if not np.isfinite(weights).all():
        raise FloatingPointError("NaN or infinity")
    with np.errstate(all="raise", under="ignore"):
        block_format.encode(weights, blocks)


def first_bad_block(block_format: BlockFormat, weights: Float32) -> int:
    """The first of the blocks that `encode_chunk` refuses, found one by one."""
    scratch = np.empty(1, block_format.struct)
    for index in range(len(weights)):
        try:
            encode_chunk(block_format, weights[index : index + 1], scratch)
        except FloatingPointError:
            return index
    raise AssertionError("a chunk was refused, but none of its blocks")


def dequantize(raw: Bytes, format_name: str, shape: tuple[int, ...]) -> Float32:
    """The float32 weights (*shape) that the bytes `raw` stand for, exactly as ggml reads them.

    A damaged block may hold an infinite or NaN scale: its weights come out as such, unwarned.
    """
    block_format = find_format(format_name)
    num_blocks = count_blocks(block_format, shape)
    raw = np.asarray(raw)
    if raw.dtype != np.uint8 or raw.size != num_blocks * block_format.type_size:
        raise ValueError(
            f"{format_name} of shape {shape} takes {num_blocks * block_format.type_size} bytes "
            f"as uint8, not {raw.size} of {raw.dtype}"
        )
    blocks = np.ascontiguousarray(raw).reshape(-1).view(block_format.struct)
    weights = np.empty((num_blocks, block_format.block_size), np.float32)
    with np.errstate(all="ignore"):
        for chunk in chunks(block_format, num_blocks):
            block_format.decode(blocks[chunk], weights[chunk])
    return weights.reshape(shape)


def quantize(weights: ArrayLike, format_name: str) -> Bytes:
    """The bytes (num_bytes,) of `weights` (..., row_length), row after row.

    `ValueError` names the row that holds NaN, infinity, or a number too large for the format.
    """
    block_format = find_format(format_name)
    if block_format.encode is None:
        written = ", ".join(name for name, other in FORMATS.items() if other.encode)
        raise ValueError(f"{format_name} is read here but not written; written are {written}")
    with np.errstate(over="ignore"):  # what float32 cannot hold becomes infinite: refused below
        weights = np.ascontiguousarray(weights, np.float32)
    num_blocks = count_blocks(block_format, weights.shape)
    row_length = weights.shape[-1]
    weights = weights.reshape(num_blocks, block_format.block_size)
    blocks = np.empty(num_blocks, block_format.struct)
    for chunk in chunks(block_format, num_blocks):
        try:
            encode_chunk(block_format, weights[chunk], blocks[chunk])
        except FloatingPointError:
            block = chunk.start + first_bad_block(block_format, weights[chunk])
            row = block * block_format.block_size // row_length
            raise ValueError(
                f"row {row} holds NaN, infinity, or a number too large for {format_name}"
            ) from None
    return blocks.view(np.uint8)
