"""Metadata to the bytes that a GGUF file holds: what `cursor` reads, written."""

import math
import struct
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np

from membound.arrays import Array
from membound.gguf.spec import MAX_KEY_BYTES, NUMBER_DTYPES, ValueType

TYPE_OF_DTYPE = MappingProxyType({dtype: kind for kind, dtype in NUMBER_DTYPES.items()})
INTEGERS = (ValueType.UINT32, ValueType.INT32, ValueType.UINT64, ValueType.INT64)


def uint32(number: int) -> bytes:
    """Four bytes."""
    return struct.pack("<I", number)


def uint64(number: int) -> bytes:
    """Eight bytes."""
    return struct.pack("<Q", number)


def string(text: str) -> bytes:
    """A length, then UTF-8."""
    data = text.encode()
    return uint64(len(data)) + data


def fits(number: Any, value_type: ValueType) -> bool:
    """Whether a number of this type can hold `number`; a float may be rounded to do so."""
    dtype = NUMBER_DTYPES[value_type]
    if value_type is ValueType.BOOL or isinstance(number, bool | np.bool_):
        return value_type is ValueType.BOOL and isinstance(number, bool | np.bool_)
    if dtype.kind == "f":
        is_number = isinstance(number, int | float | np.integer | np.floating)
        return is_number and not float(np.finfo(dtype).max) < abs(number) < math.inf
    limits = np.iinfo(dtype)
    return isinstance(number, int | np.integer) and limits.min <= number <= limits.max


def infer_type(value: Any) -> ValueType:
    """The type to write a value as where none is given.

    A NumPy scalar keeps its own. An int becomes the first of uint32, int32, uint64, int64 that
    holds it, and a float becomes float32.
    """
    if isinstance(value, str):
        return ValueType.STRING
    if isinstance(value, list | np.ndarray):
        return ValueType.ARRAY
    if isinstance(value, np.generic) and value.dtype.newbyteorder("<") in TYPE_OF_DTYPE:
        return TYPE_OF_DTYPE[value.dtype.newbyteorder("<")]
    if isinstance(value, bool):
        return ValueType.BOOL
    if isinstance(value, float):
        return ValueType.FLOAT32
    holding = [value_type for value_type in INTEGERS if fits(value, value_type)]
    if not holding:
        raise ValueError(f"no GGUF value type holds {value!r}")
    return holding[0]


def encode_array(values: Array | list) -> bytes:
    """An item type, a count, the items; a list holds strings, or arrays."""
    if isinstance(values, np.ndarray):
        item_type = TYPE_OF_DTYPE.get(values.dtype.newbyteorder("<"))
        if item_type is None or values.ndim != 1:
            raise ValueError(f"no GGUF array holds {values.dtype} of shape {values.shape}")
        items = values.astype(NUMBER_DTYPES[item_type]).tobytes()
    elif all(isinstance(value, str) for value in values):
        item_type, items = ValueType.STRING, b"".join(map(string, values))
    elif all(isinstance(value, list | np.ndarray) for value in values):
        item_type, items = ValueType.ARRAY, b"".join(map(encode_array, values))
    else:
        raise ValueError("a list holds strings or arrays; numbers come as a NumPy array")
    return uint32(item_type) + uint64(len(values)) + items


def encode_value(value: Any, value_type: ValueType) -> bytes:
    """The bytes of one value, without its type."""
    if value_type is ValueType.STRING and isinstance(value, str):
        return string(value)
    if value_type is ValueType.ARRAY and isinstance(value, list | np.ndarray):
        return encode_array(value)
    if value_type in NUMBER_DTYPES and fits(value, value_type):
        return np.array(value).astype(NUMBER_DTYPES[value_type]).tobytes()
    raise ValueError(f"{value!r} does not fit {value_type.name.lower()}")


def encode_pairs(metadata: Mapping[str, Any], value_types: Mapping[str, ValueType]) -> bytes:
    """All metadata in their order: key, value type, value. `ValueError` names the key."""
    data = []
    for key, value in metadata.items():
        key_bytes = len(key.encode())
        if key_bytes > MAX_KEY_BYTES:
            raise ValueError(f"a metadata key may have {MAX_KEY_BYTES} bytes, not {key_bytes}")
        try:
            value_type = value_types[key] if key in value_types else infer_type(value)
            data += [string(key), uint32(value_type), encode_value(value, value_type)]
        except ValueError as error:
            raise ValueError(f"{key!r}: {error}") from error
    return b"".join(data)
