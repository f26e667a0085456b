"""What the GGUF specification fixes: numbers, value types, tensor types (docs/gguf.md in ggml)."""

from enum import IntEnum
from types import MappingProxyType
from typing import NamedTuple

import numpy as np

from membound.quant.blocks import FORMATS

MAGIC = b"GGUF"
VERSIONS = (2, 3)  # version 3 added big-endian files and changed nothing else
DEFAULT_ALIGNMENT = 32
ALIGNMENT_KEY = "general.alignment"
MAX_KEY_BYTES = 2**16 - 1
MAX_NAME_BYTES = 64
MAX_DIMS = 4
MAX_ARRAY_DEPTH = 8  # ours: the specification lets arrays nest without end


class GGUFError(ValueError):
    """A file breaks a rule of GGUF: `path`, the byte `offset` where it does, and the `rule`."""

    def __init__(self, path: str, offset: int, rule: str):
        super().__init__(f"{path}: byte {offset}: {rule}")
        self.path = path
        self.offset = offset
        self.rule = rule


class ValueType(IntEnum):
    """The thirteen types of a metadata value."""

    UINT8 = 0
    INT8 = 1
    UINT16 = 2
    INT16 = 3
    UINT32 = 4
    INT32 = 5
    FLOAT32 = 6
    BOOL = 7
    STRING = 8
    ARRAY = 9
    UINT64 = 10
    INT64 = 11
    FLOAT64 = 12


NUMBER_DTYPES = MappingProxyType(
    {
        ValueType.UINT8: np.dtype("u1"),
        ValueType.INT8: np.dtype("i1"),
        ValueType.UINT16: np.dtype("<u2"),
        ValueType.INT16: np.dtype("<i2"),
        ValueType.UINT32: np.dtype("<u4"),
        ValueType.INT32: np.dtype("<i4"),
        ValueType.FLOAT32: np.dtype("<f4"),
        ValueType.BOOL: np.dtype("?"),
        ValueType.UINT64: np.dtype("<u8"),
        ValueType.INT64: np.dtype("<i8"),
        ValueType.FLOAT64: np.dtype("<f8"),
    }
)

# The least that one value can take in a file: a bound on how many can follow.
MIN_VALUE_BYTES = MappingProxyType(
    {ValueType.STRING: 8, ValueType.ARRAY: 12}
    | {value_type: dtype.itemsize for value_type, dtype in NUMBER_DTYPES.items()}
)


class TensorInfo(NamedTuple):
    """One tensor: `shape` has rows first (the file stores it reversed), `offset` is in the file."""

    name: str
    shape: tuple[int, ...]
    type_name: str
    offset: int
    nbytes: int


class Section(NamedTuple):
    """A part of a file: bytes `start` to `end`."""

    name: str
    start: int
    end: int


class TensorType(NamedTuple):
    """How many bytes a tensor takes: `type_size` for each `block_size` weights."""

    name: str
    block_size: int
    type_size: int


# Sized here but not decoded: a file that holds them opens, and their bytes can be read.
ONLY_SIZED = MappingProxyType(
    {
        9: TensorType("Q8_1", 32, 40),
        15: TensorType("Q8_K", 256, 292),
        16: TensorType("IQ2_XXS", 256, 66),
        17: TensorType("IQ2_XS", 256, 74),
        18: TensorType("IQ3_XXS", 256, 98),
        19: TensorType("IQ1_S", 256, 50),
        21: TensorType("IQ3_S", 256, 110),
        22: TensorType("IQ2_S", 256, 82),
        24: TensorType("I8", 1, 1),
        25: TensorType("I16", 1, 2),
        26: TensorType("I32", 1, 4),
        27: TensorType("I64", 1, 8),
        28: TensorType("F64", 1, 8),
        29: TensorType("IQ1_M", 256, 56),
        34: TensorType("TQ1_0", 256, 54),
        35: TensorType("TQ2_0", 256, 66),
        41: TensorType("Q1_0", 128, 18),
    }
)

TENSOR_TYPES = MappingProxyType(
    {
        known.type_id: TensorType(known.name, known.block_size, known.type_size)
        for known in FORMATS.values()
    }
    | ONLY_SIZED
)
