"""An array as packed integer codes: `quantize` it, see its `nbytes`, `dequantize` it.

What shares a line (see `membound.quant.lines`) is the choice that matters most:

per="tensor"   the whole array: one outlier makes every step coarse
per="row"      each row: an output channel of a weight matrix (out, in), a token of activations
per=32         each 32 neighbours in a row: an outlier harms only them

    bits per value = bits + (bits of scale + bits of zero point or low) / values in a group
"""

import math
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from membound.arrays import Array, Bytes, Float32
from membound.quant.lines import Line, affine_line, decode, encode, offset_line, symmetric_line
from membound.quant.packing import pack, unpack

Scheme = Literal["symmetric", "affine", "offset"]
Per = Literal["tensor", "row"] | int

LINES = MappingProxyType(
    {"symmetric": symmetric_line, "affine": affine_line, "offset": offset_line}
)


@dataclass(frozen=True)
class QuantizedArray:
    """An array of `shape` as stored: `num_rows` rows of groups, or one row for the whole array."""

    shape: tuple[int, ...]
    bits: int
    codes: Bytes  # (num_rows, packed bytes of a row's codes)
    scale: Array  # (num_rows, num_groups)
    zero_point: Bytes | None = None  # affine: (num_rows, packed bytes of a row's zero points)
    low: Array | None = None  # offset: (num_rows, num_groups)

    @property
    def nbytes(self) -> int:
        """The bytes of everything stored: codes, scales, and zero points or lows."""
        parts = (self.codes, self.scale, self.zero_point, self.low)
        return sum(part.nbytes for part in parts if part is not None)

    @property
    def bits_per_value(self) -> float:
        """Stored bits for one value, its share of scales and the rest included."""
        return 8 * self.nbytes / math.prod(self.shape)

    def dequantize(self) -> Float32:
        """The array again, each value to within half its group's scale."""
        num_rows, num_groups = self.scale.shape
        codes = unpack(self.codes, self.bits, math.prod(self.shape) // num_rows)
        groups = decode(codes.reshape(num_rows, num_groups, -1), self.line)
        return groups.reshape(self.shape)

    @property
    def line(self) -> Line:
        """Where the codes of each group lie."""
        scale = self.scale[..., None]
        if self.low is not None:
            return Line(scale, 0, self.low[..., None])
        if self.zero_point is None:
            return Line(scale, 2 ** (self.bits - 1))
        return Line(scale, unpack(self.zero_point, self.bits, scale.shape[1])[..., None])


def split_groups(array: Float32, per: Per) -> Float32:
    """View `array` (..., width) as (num_rows, num_groups, group_size)."""
    if per == "tensor":
        return array.reshape(1, 1, -1)
    width = array.shape[-1]
    if per == "row":
        return array.reshape(-1, 1, width)
    if not isinstance(per, int) or per < 1:
        raise ValueError(f"per must be 'tensor', 'row' or a group's size, got {per!r}")
    if width % per:
        raise ValueError(f"rows of {width} do not split into groups of {per}")
    return array.reshape(-1, width // per, per)


def as_finite_float32(array: ArrayLike) -> Float32:
    """The array in float32; `ValueError` names the first row with a number that is not finite."""
    with np.errstate(over="ignore"):  # what float32 cannot hold becomes infinite: refused below
        array = np.ascontiguousarray(array, np.float32)
    if array.size == 0:
        raise ValueError(f"an array of shape {array.shape} holds nothing to quantise")
    finite = np.isfinite(array.reshape(-1, array.shape[-1])).all(axis=-1)
    if not finite.all():
        raise ValueError(f"row {finite.argmin()} holds NaN, infinity, or more than float32 can")
    return array


def quantize(
    array: ArrayLike,
    *,
    bits: int,
    per: Per,
    scheme: Scheme = "symmetric",
    scale_dtype: type[np.floating] = np.float32,
) -> QuantizedArray:
    """Round every value of `array` (..., width) to the nearest code on its group's line.

    `ValueError` names the row that holds NaN or infinity, or whose scale `scale_dtype` (float16
    or float32) cannot hold without making the steps coarser than needed.
    """
    if not 2 <= bits <= 8:
        raise ValueError(f"bits must be 2 to 8, got {bits}")
    if scheme not in LINES:
        raise ValueError(f"scheme must be one of {', '.join(LINES)}, got {scheme!r}")
    if np.dtype(scale_dtype) not in (np.float16, np.float32):
        raise ValueError(f"scales are stored as float16 or float32, not {np.dtype(scale_dtype)}")
    array = as_finite_float32(array)
    groups = split_groups(array, per)
    line = LINES[scheme](groups, bits, np.dtype(scale_dtype))
    num_rows = len(groups)
    return QuantizedArray(
        array.shape,
        bits,
        pack(encode(groups, line, bits).reshape(num_rows, -1), bits),
        line.scale[..., 0],
        pack(line.zero_point[..., 0], bits) if scheme == "affine" else None,
        None if line.low is None else line.low[..., 0],
    )
