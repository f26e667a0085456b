"""GGUF files made byte by byte, so that a test can break any one of them."""

import struct
from pathlib import Path

import numpy as np

import gguf


def uint32(value: int) -> bytes:
    return struct.pack("<I", value)


def uint64(value: int) -> bytes:
    return struct.pack("<Q", value)


def text(value: str | bytes) -> bytes:
    data = value.encode() if isinstance(value, str) else value
    return uint64(len(data)) + data


def pair(key: str | bytes, value_type: int, value: bytes) -> bytes:
    return text(key) + uint32(value_type) + value


def info(name="t", dims=(32,), type_id=0, offset=0) -> bytes:
    """One entry of the tensor table; `dims` in the file's order, fastest first."""
    sizes = b"".join(map(uint64, dims))
    return text(name) + uint32(len(dims)) + sizes + uint32(type_id) + uint64(offset)


def build(
    pairs=(), infos=(), data=b"", *, magic=b"GGUF", version=3, num_tensors=None, num_pairs=None
) -> bytes:
    """A whole file; the counts can lie."""
    front = magic + uint32(version)
    front += uint64(len(infos) if num_tensors is None else num_tensors)
    front += uint64(len(pairs) if num_pairs is None else num_pairs)
    front += b"".join(pairs) + b"".join(infos)
    return front + bytes(-len(front) % 32) + data


def write_with_the_gguf_package(path: Path) -> None:
    """A small file with every value type and several tensor types."""
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_uint8("a.uint8", 200)
    writer.add_int8("a.int8", -100)
    writer.add_uint16("a.uint16", 60_000)
    writer.add_int16("a.int16", -30_000)
    writer.add_uint32("a.uint32", 4_000_000_000)
    writer.add_int32("a.int32", -2_000_000_000)
    writer.add_uint64("a.uint64", 2**63 + 1)
    writer.add_int64("a.int64", -(2**62))
    writer.add_float32("a.float32", 1e-5)
    writer.add_float64("a.float64", 1e-300)
    writer.add_bool("a.bool", True)
    writer.add_string("a.string", "Grüße, 世界")
    writer.add_array("a.strings", ["one", "", "三"])
    writer.add_array("a.ints", [1, -2, 3])
    writer.add_array("a.floats", [0.5, -1.5])
    writer.add_array("a.bools", [True, False, True])
    rng = np.random.default_rng(0)
    weights = rng.normal(size=(3, 64)).astype(np.float32)
    writer.add_tensor("f32", weights)
    writer.add_tensor("f16", weights.astype(np.float16))
    writer.add_tensor("cube", rng.normal(size=(2, 3, 4)).astype(np.float32))
    for name in ("Q8_0", "Q4_1"):
        kind = gguf.GGMLQuantizationType[name]
        writer.add_tensor(name.lower(), gguf.quants.quantize(weights, kind), raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
