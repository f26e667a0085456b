"""float16 to float32 and back in integer steps, several times as fast as NumPy's own casts.

    float16: 1 sign, 5 exponent, 10 mantissa bits, exponent bias 15
    float32: 1 sign, 8 exponent, 23 mantissa bits, exponent bias 127

So a normal number moves its bits by 13 and its exponent by 112. The few that are not normal (zeros,
denormals, infinities, NaN) go through NumPy's cast.
"""

import numpy as np

from membound.arrays import Array, Float32

MOVED = 13
REBIAS = 112 << 23
OVERFLOW = 0x477FF000  # 65520 as float32: it and all above would round to a float16 infinity
SMALLEST_NORMAL = 0x38800000  # 2**-14 as float32


def from_half(halves: Array, weights: Float32) -> None:
    """Fill `weights` with the uint16 bit patterns `halves`, exactly."""
    bits = weights.view(np.int32)
    bits[:] = halves.view(np.int16)  # the sign spreads over the upper half, so bit 31 has it
    bits <<= MOVED
    bits &= np.uint32(0x8FFFE000).view(np.int32)
    bits += REBIAS
    # One more in the exponent carries 31 to 0 and makes 0 a 1: four zero bits in either case.
    special = np.flatnonzero(((halves + np.uint16(0x0400)) & 0x7800) == 0)
    weights[special] = halves[special].view(np.float16)


def to_half(weights: Float32, halves: Array) -> None:
    """Fill `halves` with the nearest float16 bit patterns, ties to even.

    `FloatingPointError` where a weight is not finite or would become infinite.
    """
    bits = weights.view(np.uint32)
    magnitude = bits & 0x7FFFFFFF
    if magnitude.size and magnitude.max() >= OVERFLOW:
        raise FloatingPointError("overflow in rounding to float16")
    small = np.flatnonzero(magnitude < SMALLEST_NORMAL)
    odd = (magnitude >> MOVED) & 1
    magnitude += odd
    magnitude += np.uint32(0x0FFF - REBIAS & 0xFFFFFFFF)  # just under half of what is cut, to round
    magnitude >>= MOVED
    magnitude |= (bits >> 16) & 0x8000
    halves[:] = magnitude
    halves[small] = weights[small].astype(np.float16).view(np.uint16)
