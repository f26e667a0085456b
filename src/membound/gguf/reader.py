"""Read a GGUF file: a header, the metadata, what tensors there are, then the tensors' bytes.

Unlike the `gguf` package's reader this one treats the file as a stranger: every number in it is
checked before it is used, and whatever is wrong with a file is one `GGUFError`.
"""

import os
import stat
from mmap import ACCESS_READ, mmap
from pathlib import Path
from typing import Self

import numpy as np

from membound.arrays import Bytes, Float32
from membound.gguf.cursor import Cursor
from membound.gguf.parse import parse
from membound.gguf.spec import GGUFError, Section, TensorInfo
from membound.quant.blocks import dequantize


class GGUFFile:
    """An open file: `metadata`, `tensors`, and the bytes behind them, mapped and not copied.

    `metadata` maps a key to a bool, int, float, str, an array of numbers, or a list (of str, or of
    arrays); `value_types` maps it to the type in the file. The file must keep its size while open:
    reading a mapping past the end of a file that shrank kills the process.
    """

    def __init__(self, path: str, data: mmap):
        contents = parse(Cursor(data, path))
        self.path = path
        self.version = contents.version
        self.metadata = contents.metadata
        self.value_types = contents.value_types
        self.alignment = contents.alignment
        self.tensors = contents.tensors
        self._sections = contents.sections
        self._bytes = np.frombuffer(data, np.uint8)

    def raw(self, name: str) -> Bytes:
        """The stored bytes (nbytes,) of a tensor: a read-only view, valid even after `close`."""
        if self._bytes is None:
            raise ValueError(f"{self.path} is closed")
        tensor = self._find(name)
        return self._bytes[tensor.offset : tensor.offset + tensor.nbytes]

    def tensor(self, name: str) -> Float32:
        """The weights of a tensor (*shape) as float32."""
        tensor = self._find(name)
        return dequantize(self.raw(name), tensor.type_name, tensor.shape)

    def layout(self) -> list[Section]:
        """The parts of the file in order: header, metadata, tensor infos, padding, tensors."""
        return list(self._sections)

    def close(self) -> None:
        """Let go of the file; the mapping ends with the last view that `raw` gave away."""
        self._bytes = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_) -> None:
        self.close()

    def _find(self, name: str) -> TensorInfo:
        if name not in self.tensors:
            raise ValueError(f"{self.path} has no tensor {name!r}")
        return self.tensors[name]


def read_gguf(path: str | os.PathLike[str]) -> GGUFFile:
    """Open a little-endian GGUF file of version 2 or 3.

    A file that breaks the format raises `GGUFError`, which names the byte and the rule; a path that
    leads nowhere raises `FileNotFoundError`.
    """
    path = Path(path)
    if not stat.S_ISREG(path.stat().st_mode):  # asked first: opening a pipe would wait for ever
        raise GGUFError(str(path), 0, "this is not a regular file")
    with path.open("rb") as file:
        if os.fstat(file.fileno()).st_size == 0:  # which mmap refuses
            raise GGUFError(str(path), 0, "the file is empty")
        return GGUFFile(str(path), mmap(file.fileno(), 0, access=ACCESS_READ))
