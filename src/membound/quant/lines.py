"""Where a group's codes lie: three ways to choose the line, one way to read it.

    value = scale * (code - zero_point) + low        code = 0, 1, ... 2**bits - 1

symmetric   zero_point is the middle code, so there is only a scale to store. The scale reaches the
            largest magnitude; code 0 is never used, or the range would be longer below zero.
affine      zero_point is a code of the group's own, and the range is widened until 0 lies in it:
            0 comes back as exactly 0. Jacob et al., arXiv 1712.05877, equation 1.
offset      zero_point is 0 and low is the group's least value: the whole range is used wherever it
            lies. The only choice for numbers far from zero, and what GGUF's Q4_1 does.

All three promise the same: a value comes back to within half a scale,

    |error| <= scale / 2 + 2**-22 * (the group's largest magnitude or span)

where the second term is float32 arithmetic. Groups are (num_rows, num_groups, group_size).
"""

from dataclasses import dataclass

import numpy as np

from membound.arrays import Array, Float32

LARGEST_LOSS = 2**-7  # of a scale by rounding it up; float16 rounds coarser only below 8e-6


@dataclass(frozen=True)
class Line:
    """The line of each group; `scale`, `zero_point` and `low` are (num_rows, num_groups, 1)."""

    scale: Array
    zero_point: Array | int
    low: Array | None = None


def round_up(exact: Array, dtype: np.dtype) -> Array:
    """The least number of `dtype` that is not below `exact` (float64).

    A scale rounded down would leave the largest value more than half a step beyond the last code.
    """
    with np.errstate(over="ignore", under="ignore"):
        nearest = exact.astype(dtype)
        above = np.nextafter(nearest, dtype.type(np.inf))
    return np.where(nearest < exact, above, nearest)


def _divisor(scale: Array) -> Float32:
    """The scale to divide by: 1 for a group of zeros, whose scale is 0."""
    return np.where(scale == 0, 1, scale).astype(np.float32)


def encode(groups: Float32, line: Line, bits: int) -> Array:
    """The uint8 code of each value: the nearest on its group's line."""
    steps = groups if line.low is None else groups - line.low.astype(np.float32)
    steps = steps / _divisor(line.scale)
    np.rint(steps, out=steps)
    steps += np.float32(line.zero_point)
    np.clip(steps, 0, 2**bits - 1, out=steps)
    return steps.astype(np.uint8)


def decode(codes: Array, line: Line) -> Float32:
    """The float32 values that the codes stand for."""
    values = codes.astype(np.float32)
    values -= np.float32(line.zero_point)
    values *= line.scale.astype(np.float32)
    if line.low is not None:
        values += line.low.astype(np.float32)
    return values


def _check(line: Line, needed: Array, bits: int) -> None:
    """Refuse a scale much coarser than `needed`, and codes that stand for no float32."""
    ends = np.zeros((*line.scale.shape[:-1], 2), np.uint8)
    ends[..., 1] = 2**bits - 1
    with np.errstate(over="ignore", invalid="ignore"):
        fits = np.isfinite(decode(ends, line)).all(axis=-1, keepdims=True)
    bad = np.argwhere(~fits | (line.scale > needed * (1 + LARGEST_LOSS)))
    if len(bad):
        row, group, _ = bad[0]
        raise ValueError(
            f"row {row}, group {group} needs a scale of {needed[tuple(bad[0])]:.3g}: "
            f"{line.scale.dtype} cannot hold it, or float32 not the numbers that it spans"
        )


def symmetric_line(groups: Float32, bits: int, dtype: np.dtype) -> Line:
    """The line through 0 that reaches each group's largest magnitude at both ends."""
    middle = 2 ** (bits - 1)
    largest = np.abs(groups).max(axis=-1, keepdims=True).astype(np.float64)
    needed = largest / (middle - 1)
    line = Line(round_up(needed, dtype), middle)
    _check(line, needed, bits)
    return line


def affine_line(groups: Float32, bits: int, dtype: np.dtype) -> Line:
    """The line through 0 that reaches 0 and each group's least and greatest value."""
    least = np.minimum(groups.min(axis=-1, keepdims=True), 0)
    greatest = np.maximum(groups.max(axis=-1, keepdims=True), 0)
    needed = (greatest - least.astype(np.float64)) / (2**bits - 1)
    scale = round_up(needed, dtype)
    # The same float32 quotient that `encode` takes: by another one, `least` could get code -1.
    line = Line(scale, np.rint(-least / _divisor(scale)).astype(np.uint8))
    _check(line, needed, bits)
    return line


def offset_line(groups: Float32, bits: int, dtype: np.dtype) -> Line:
    """The line from each group's least value to its greatest."""
    least = groups.min(axis=-1, keepdims=True).astype(np.float64)
    greatest = groups.max(axis=-1, keepdims=True).astype(np.float64)
    low = -round_up(-least, dtype)
    line = Line(round_up((greatest - low) / (2**bits - 1), dtype), 0, low)
    # Where the span is small beside the values, rounding `low` to float16 may well widen it.
    _check(line, (greatest - least + np.abs(least) / 1024) / (2**bits - 1), bits)
    return line
