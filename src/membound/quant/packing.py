"""Small codes packed into bytes, so that a 3-bit code takes three bits.

Each row becomes one stream of bits, filled up with zeros to a whole byte:

    code i takes bits i * bits to (i + 1) * bits - 1 of its row, the lowest first,
    and bit j of a row is bit j % 8 of its byte j // 8.

With 4 bits that puts two codes into a byte, the first in its low half; with 3 bits eight codes
fill three bytes and some of them straddle two. GGUF orders its 4-bit codes otherwise, see
`membound.quant.formats.codes`.
"""

import numpy as np

from membound.arrays import Array, Bytes


def packed_bytes(num_codes: int, bits: int) -> int:
    """How many bytes a row of `num_codes` codes takes."""
    return -(-num_codes * bits // 8)


def pack(codes: Array, bits: int) -> Bytes:
    """Pack uint8 `codes` (..., num_codes), each below 2**bits, into (..., packed_bytes)."""
    _check_bits(bits)
    if codes.dtype != np.uint8:
        raise ValueError(f"codes must be uint8, not {codes.dtype}")
    if codes.size and codes.max() >> bits:
        raise ValueError(f"codes of {bits} bits go up to {2**bits - 1}, got {codes.max()}")
    if bits == 8:
        return codes.copy()
    if bits in (2, 4) and codes.shape[-1] % (8 // bits) == 0:
        return _pack_whole_bytes(codes, bits)
    *rows, num_codes = codes.shape
    stream = np.unpackbits(codes[..., None], axis=-1, count=bits, bitorder="little")
    return np.packbits(stream.reshape(*rows, num_codes * bits), axis=-1, bitorder="little")


def unpack(packed: Bytes, bits: int, num_codes: int) -> Array:
    """The uint8 codes (..., num_codes) that `pack` packed into (..., packed_bytes)."""
    _check_bits(bits)
    if packed.dtype != np.uint8 or packed.shape[-1] != packed_bytes(num_codes, bits):
        raise ValueError(
            f"{num_codes} codes of {bits} bits take {packed_bytes(num_codes, bits)} bytes as "
            f"uint8, not {packed.shape[-1]} of {packed.dtype}"
        )
    if bits == 8:
        return packed.copy()
    if bits in (2, 4) and num_codes % (8 // bits) == 0:
        return _unpack_whole_bytes(packed, bits)
    stream = np.unpackbits(packed, axis=-1, count=num_codes * bits, bitorder="little")
    codes = stream.reshape(*packed.shape[:-1], num_codes, bits)
    return np.packbits(codes, axis=-1, bitorder="little")[..., 0]


def _check_bits(bits: int) -> None:
    if not 1 <= bits <= 8:
        raise ValueError(f"a code has 1 to 8 bits to fit into a byte, not {bits}")


# With 2 or 4 bits no code straddles two bytes: shifts do in one pass what bit streams do in three.
def _pack_whole_bytes(codes: Array, bits: int) -> Bytes:
    per_byte = 8 // bits
    packed = codes[..., ::per_byte].copy()
    for place in range(1, per_byte):
        packed |= codes[..., place::per_byte] << (place * bits)
    return packed


def _unpack_whole_bytes(packed: Bytes, bits: int) -> Array:
    per_byte = 8 // bits
    codes = np.empty((*packed.shape, per_byte), np.uint8)
    for place in range(per_byte):
        codes[..., place] = (packed >> (place * bits)) & (2**bits - 1)
    return codes.reshape(*packed.shape[:-1], packed.shape[-1] * per_byte)
