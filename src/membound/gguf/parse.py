"""The front of a GGUF file, checked: everything before the tensors' bytes.

magic, version, num_tensors, num_pairs         24 bytes
num_pairs   x  key, value type, value
num_tensors x  name, num_dims, dims, type, offset from the start of the data
zeros up to a multiple of the alignment, then the data
"""

import math
from dataclasses import dataclass
from itertools import pairwise

from membound.gguf.cursor import Cursor, Value
from membound.gguf.spec import (
    ALIGNMENT_KEY,
    DEFAULT_ALIGNMENT,
    MAGIC,
    MAX_DIMS,
    MAX_KEY_BYTES,
    MAX_NAME_BYTES,
    TENSOR_TYPES,
    VERSIONS,
    Section,
    TensorInfo,
    ValueType,
)
from membound.quoted import quote

MIN_PAIR_BYTES = 8 + 4 + 1  # an empty key, a type, one byte of value
MIN_TENSOR_INFO_BYTES = 8 + 4 + 8 + 4 + 8  # an empty name, num_dims, one dim, a type, an offset


@dataclass(frozen=True)
class Contents:
    """What the front of a file says."""

    version: int
    metadata: dict[str, Value]
    value_types: dict[str, ValueType]
    alignment: int
    tensors: dict[str, TensorInfo]
    sections: list[Section]


def parse(cursor: Cursor) -> Contents:
    """Read everything before the tensors' bytes; `GGUFError` at the first rule that is broken."""
    version = parse_version(cursor)
    num_tensors = cursor.count(MIN_TENSOR_INFO_BYTES, "tensors")
    num_pairs = cursor.count(MIN_PAIR_BYTES, "metadata pairs")
    metadata_start = cursor.offset
    metadata, value_types = parse_metadata(cursor, num_pairs)
    infos_start = cursor.offset
    alignment = metadata.get(ALIGNMENT_KEY, DEFAULT_ALIGNMENT)
    places = [(cursor.offset, parse_tensor_info(cursor)) for _ in range(num_tensors)]
    infos_end = cursor.offset
    data_start = -(-infos_end // alignment) * alignment
    tensors = place_tensors(cursor, places, data_start, alignment)
    end = len(cursor.data)
    data_start = min(data_start, end)  # a file without tensors may stop before the padding
    sections = [
        Section("header", 0, metadata_start),
        Section("metadata", metadata_start, infos_start),
        Section("tensor infos", infos_start, infos_end),
        Section("padding", infos_end, data_start),
        Section("tensor data", data_start, end),
    ]
    return Contents(version, metadata, value_types, alignment, tensors, sections)


def parse_version(cursor: Cursor) -> int:
    """The magic, then a version that this reader knows."""
    start = cursor.take(4, "the magic")
    if cursor.data[start : cursor.offset] != MAGIC:
        raise cursor.error(f"a GGUF file begins with {MAGIC}", start)
    start = cursor.offset
    version = cursor.uint32("the version")
    if version in VERSIONS:
        return version
    if int.from_bytes(version.to_bytes(4, "little"), "big") in VERSIONS:
        raise cursor.error("the file is big-endian; this reader takes little-endian", start)
    raise cursor.error(f"the version is {version}; this reader takes 2 and 3", start)


def parse_metadata(cursor: Cursor, num_pairs: int) -> tuple[dict[str, Value], dict[str, ValueType]]:
    """The metadata's values, and their types, by key."""
    metadata, value_types = {}, {}
    for _ in range(num_pairs):
        start = cursor.offset
        key = cursor.short_string(MAX_KEY_BYTES, "a metadata key")
        shown = quote(key)
        if key in metadata:
            raise cursor.error(f"the key {shown} comes twice", start)
        value_types[key] = cursor.value_type(shown)
        start = cursor.offset
        metadata[key] = cursor.value(value_types[key], shown)
        if key == ALIGNMENT_KEY:
            check_alignment(cursor, metadata[key], value_types[key], start)
    return metadata, value_types


def check_alignment(cursor: Cursor, alignment: Value, value_type: ValueType, start: int) -> None:
    """`general.alignment` must be a power of two, stored as uint32."""
    if value_type is not ValueType.UINT32 or alignment.bit_count() != 1:
        raise cursor.error(
            f"{ALIGNMENT_KEY} must be a power of two as uint32, not {quote(alignment)} "
            f"as {value_type.name.lower()}",
            start,
        )


def parse_tensor_info(cursor: Cursor) -> TensorInfo:
    """One entry of the tensor table; `offset` still counts from the start of the data."""
    name = cursor.short_string(MAX_NAME_BYTES, "a tensor's name")
    start = cursor.offset
    num_dims = cursor.uint32(f"the number of dimensions of {name!r}")
    if not 1 <= num_dims <= MAX_DIMS:
        raise cursor.error(f"{name!r} has {num_dims} dimensions, not 1 to {MAX_DIMS}", start)
    dims = [cursor.uint64(f"a dimension of {name!r}") for _ in range(num_dims)]
    if 0 in dims:
        raise cursor.error(f"{name!r} has a dimension of 0", start)
    start = cursor.offset
    type_id = cursor.uint32(f"the type of {name!r}")
    if type_id not in TENSOR_TYPES:
        raise cursor.error(f"{name!r} has the unknown tensor type {type_id}", start)
    tensor_type = TENSOR_TYPES[type_id]
    row_length = dims[0]  # the file lists dimensions from the fastest to the slowest
    if row_length % tensor_type.block_size != 0:
        raise cursor.error(
            f"{name!r} has rows of {row_length}, not a multiple of the {tensor_type.block_size} "
            f"weights in a {tensor_type.name} block",
            start,
        )
    nbytes = math.prod(dims) // tensor_type.block_size * tensor_type.type_size
    offset = cursor.uint64(f"the offset of {name!r}")
    return TensorInfo(name, tuple(reversed(dims)), tensor_type.name, offset, nbytes)


def place_tensors(
    cursor: Cursor, places: list[tuple[int, TensorInfo]], data_start: int, alignment: int
) -> dict[str, TensorInfo]:
    """The tensors by name, at their offsets in the file: aligned, inside it, and apart.

    Each comes with the byte where its entry begins, for the error.
    """
    tensors, entries = {}, {}
    for entry, info in places:
        if info.name in tensors:
            raise cursor.error(f"the tensor {info.name!r} comes twice", entry)
        if info.offset % alignment != 0:
            raise cursor.error(
                f"{info.name!r} begins at {info.offset}, not a multiple of {alignment}", entry
            )
        placed = info._replace(offset=data_start + info.offset)
        if placed.offset + placed.nbytes > len(cursor.data):
            raise cursor.error(
                f"{info.name!r} takes bytes {placed.offset} to {placed.offset + placed.nbytes}, "
                f"the file has {len(cursor.data)}",
                entry,
            )
        tensors[info.name], entries[info.name] = placed, entry
    for before, after in pairwise(sorted(tensors.values(), key=lambda info: info.offset)):
        if before.offset + before.nbytes > after.offset:
            raise cursor.error(f"{after.name!r} overlaps {before.name!r}", entries[after.name])
    return tensors
