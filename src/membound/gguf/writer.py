"""Write a GGUF file, version 3: the front at once, then tensor after tensor as they are asked for.

The file appears under its name only when it is whole: until then it has another name beside it.
"""

import math
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, BinaryIO, NamedTuple

import numpy as np

from membound.arrays import Bytes
from membound.gguf.spec import (
    ALIGNMENT_KEY,
    DEFAULT_ALIGNMENT,
    MAGIC,
    MAX_DIMS,
    MAX_NAME_BYTES,
    TENSOR_TYPES,
    ValueType,
)
from membound.gguf.values import encode_pairs, string, uint32, uint64

VERSION = 3
TYPE_IDS = MappingProxyType({known.name: type_id for type_id, known in TENSOR_TYPES.items()})


class NewTensor(NamedTuple):
    """A tensor to be written: `shape` with rows first, `type_name` as in "Q4_K"."""

    name: str
    shape: tuple[int, ...]
    type_name: str

    @property
    def nbytes(self) -> int:
        """The bytes that it will take, without padding."""
        tensor_type = TENSOR_TYPES[TYPE_IDS[self.type_name]]
        return math.prod(self.shape) // tensor_type.block_size * tensor_type.type_size


def write_gguf(
    path: str | os.PathLike[str],
    metadata: Mapping[str, Any],
    tensors: Sequence[NewTensor],
    load: Callable[[str], Bytes],
    *,
    value_types: Mapping[str, ValueType] = MappingProxyType({}),
) -> None:
    """Write a file that holds `metadata` and `tensors`; `load(name)` gives a tensor's bytes.

    Tensors are loaded one by one, in order, so only one has to be in memory. `value_types` says how
    to store a value whose Python type leaves a choice. `metadata["general.alignment"]` aligns the
    tensors. Whatever fails, a file that was at `path` stays as it was. A link there stays a link to
    the new file; what is no file, such as /dev/null, is refused.
    """
    path = Path(os.path.realpath(path))
    if path.exists() and not path.is_file():  # replacing it would take it from everyone
        raise ValueError(f"{path} is not a regular file: write to another path")
    alignment = metadata.get(ALIGNMENT_KEY, DEFAULT_ALIGNMENT)
    front = encode_front(metadata, tensors, value_types, alignment)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    file = part.open("xb")
    try:
        with file:
            write_padded(file, front, alignment if tensors else 1)
            for tensor in tensors:
                write_padded(file, check_bytes(tensor, load(tensor.name)), alignment)
        part.replace(path)
    except BaseException:
        part.unlink()
        raise


def check_bytes(tensor: NewTensor, data: Bytes) -> memoryview:
    """The bytes of a tensor, if they are as many as its shape takes."""
    if data.dtype != np.uint8 or data.size != tensor.nbytes:
        raise ValueError(
            f"{tensor.name!r} takes {tensor.nbytes} bytes as uint8, not {data.size} of {data.dtype}"
        )
    return memoryview(np.ascontiguousarray(data).reshape(-1))


def write_padded(file: BinaryIO, data: bytes | memoryview, alignment: int) -> None:
    """Write, then zeros up to a multiple of the alignment."""
    file.write(data)
    file.write(bytes(-len(data) % alignment))


def encode_front(
    metadata: Mapping[str, Any],
    tensors: Sequence[NewTensor],
    value_types: Mapping[str, ValueType],
    alignment: int,
) -> bytes:
    """Everything before the tensors' bytes, without the padding."""
    if not isinstance(alignment, int) or alignment.bit_count() != 1:
        raise ValueError(f"{ALIGNMENT_KEY} must be a power of two, not {alignment!r}")
    names = [tensor.name for tensor in tensors]
    if len(set(names)) < len(names):
        raise ValueError("two tensors have the same name")
    data = [MAGIC, uint32(VERSION), uint64(len(tensors)), uint64(len(metadata))]
    data.append(encode_pairs(metadata, value_types))
    offset = 0
    for tensor in tensors:
        data.append(encode_info(tensor, offset))
        offset += -(-tensor.nbytes // alignment) * alignment
    return b"".join(data)


def encode_info(tensor: NewTensor, offset: int) -> bytes:
    """One entry of the tensor table."""
    if len(tensor.name.encode()) >= MAX_NAME_BYTES:  # ggml keeps a zero at the end
        raise ValueError(f"{tensor.name!r} is longer than {MAX_NAME_BYTES - 1} bytes")
    if tensor.type_name not in TYPE_IDS:
        raise ValueError(f"{tensor.name!r} has the unknown tensor type {tensor.type_name!r}")
    type_id = TYPE_IDS[tensor.type_name]
    block_size = TENSOR_TYPES[type_id].block_size
    if not 1 <= len(tensor.shape) <= MAX_DIMS or min(tensor.shape) < 1:
        raise ValueError(
            f"{tensor.name!r} of shape {tensor.shape} needs 1 to {MAX_DIMS} dimensions"
        )
    if tensor.shape[-1] % block_size != 0:
        raise ValueError(
            f"{tensor.name!r} has rows of {tensor.shape[-1]}, not a multiple of the {block_size} "
            f"weights in a {tensor.type_name} block"
        )
    dims = b"".join(uint64(size) for size in reversed(tensor.shape))
    return string(tensor.name) + uint32(len(tensor.shape)) + dims + uint32(type_id) + uint64(offset)
