"""Little-endian values out of a file's bytes, one after the other and never past the end.

A count or a length in a file is a claim. Each is held against the bytes that are left before
anything is allocated or looped over, so a lie costs no more than the file's own size.
"""

import struct
from mmap import mmap

import numpy as np

from membound.arrays import Array
from membound.gguf.spec import (
    MAX_ARRAY_DEPTH,
    MIN_VALUE_BYTES,
    NUMBER_DTYPES,
    GGUFError,
    ValueType,
)

UINT32 = struct.Struct("<I")
UINT64 = struct.Struct("<Q")

Value = bool | int | float | str | list | Array


class Cursor:
    """A place in `data`; each method reads one value there and steps over it."""

    def __init__(self, data: mmap | bytes, path: str):
        self.data = data
        self.path = path
        self.offset = 0

    def error(self, rule: str, offset: int | None = None) -> GGUFError:
        """The error that names this file, and the byte `offset` (else the current one)."""
        return GGUFError(self.path, self.offset if offset is None else offset, rule)

    def take(self, num_bytes: int, what: str) -> int:
        """Step over `num_bytes` and return where they begin."""
        start = self.offset
        if num_bytes > len(self.data) - start:
            left = len(self.data) - start
            raise self.error(f"{what} takes {num_bytes} bytes, the file has {left} left")
        self.offset = start + num_bytes
        return start

    def uint32(self, what: str) -> int:
        """Four bytes."""
        return UINT32.unpack_from(self.data, self.take(4, what))[0]

    def uint64(self, what: str) -> int:
        """Eight bytes."""
        return UINT64.unpack_from(self.data, self.take(8, what))[0]

    def count(self, min_bytes: int, what: str) -> int:
        """A uint64 that counts things of at least `min_bytes` each, all of which must follow."""
        start = self.offset
        number = self.uint64(f"the number of {what}")
        left = len(self.data) - self.offset
        if number * min_bytes > left:
            raise self.error(
                f"{number} {what} take at least {number * min_bytes} bytes, "
                f"the file has {left} left",
                start,
            )
        return number

    def string(self, what: str) -> str:
        """A uint64 length, then that many bytes of UTF-8."""
        begin = self.take(8, what)
        begin = self.take(UINT64.unpack_from(self.data, begin)[0], what)
        try:
            return str(self.data[begin : self.offset], "utf-8")
        except UnicodeDecodeError as error:
            raise self.error(f"{what} is not UTF-8: {error.reason}", begin + error.start) from None

    def short_string(self, max_bytes: int, what: str) -> str:
        """A string whose length the format limits."""
        start = self.offset
        text = self.string(what)
        num_bytes = self.offset - start - 8
        if num_bytes > max_bytes:
            raise self.error(f"{what} may have {max_bytes} bytes, not {num_bytes}", start)
        return text

    def value_type(self, what: str) -> ValueType:
        """A uint32 that numbers one of the thirteen value types."""
        start = self.offset
        number = self.uint32(f"the type of {what}")
        try:
            return ValueType(number)
        except ValueError:
            raise self.error(f"{what} has value type {number}; known are 0 to 12", start) from None

    def value(self, value_type: ValueType, what: str) -> Value:
        """One metadata value: a Python scalar, a string, or an array as `array` returns it."""
        if value_type is ValueType.STRING:
            return self.string(what)
        if value_type is ValueType.ARRAY:
            return self.array(what)
        return self.numbers(value_type, 1, what)[0].item()

    def array(self, what: str, depth: int = 0) -> list | Array:
        """An item type, a count, the items: numbers as an array, strings or arrays as a list."""
        if depth == MAX_ARRAY_DEPTH:
            raise self.error(f"{what} nests arrays more than {MAX_ARRAY_DEPTH} deep")
        item_type = self.value_type(f"the items of {what}")
        count = self.count(MIN_VALUE_BYTES[item_type], f"items in {what}")
        if item_type in NUMBER_DTYPES:
            return self.numbers(item_type, count, what)
        if item_type is ValueType.STRING:
            return [self.string(what) for _ in range(count)]
        return [self.array(what, depth + 1) for _ in range(count)]

    def numbers(self, value_type: ValueType, count: int, what: str) -> Array:
        """`count` numbers, copied out in this machine's byte order."""
        dtype = NUMBER_DTYPES[value_type]
        start = self.take(count * dtype.itemsize, what)
        stored = np.frombuffer(self.data, dtype, count, start)
        if value_type is ValueType.BOOL:
            wrong = np.flatnonzero(stored.view(np.uint8) > 1)
            if wrong.size:
                at = start + int(wrong[0])
                raise self.error(f"a bool in {what} is {self.data[at]}, not 0 or 1", at)
        return stored.astype(dtype.newbyteorder("="))
