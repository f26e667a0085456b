"""Fit groups of weights to codes: the search behind the K-quant encoders.

Rounding alone takes a group's scale from its extremes. But a scale that cuts an extreme off, or
leaves a code unused, may serve the rest better. So several are tried: round the weights to codes
with a trial's scale, then solve for the scale (and minimum) that suits those codes best. The least

    error = sum over the group of  importance * (scale * code + minimum - weight)^2

wins. A group is a column, (group_size, num_groups), which makes each step one long SIMD loop.

The idea is `make_qkx2_quants` and `make_qx_quants` of ggml-quants.c in ggml. Those try 21 and 19
scales; fewer, spread wider, and one more round from the best of them do as well or better.
"""

import numpy as np

from membound.arrays import Float32
from membound.quant.formats.codes import invert, widest

# A trial spreads the extremes over that many codes more than there are.
LINE_TRIALS = (-2.0, -1.6, -1.2, -0.8, -0.4, 0.0, 0.4, 0.8)
SIGNED_TRIALS = (-0.9, -0.6, -0.3, 0.0, 0.3, 0.6, 0.9)

SINGULAR = np.float32(1e-5)  # codes that vary less, relative to their size, cannot fix two unknowns


def total(importance: Float32, values: Float32) -> Float32:
    """The sum of importance * value over each group: (num_groups,)."""
    return np.einsum("ig,ig->g", importance, values)


def round_codes(groups: Float32, inverse: Float32, lowest: int, highest: int, out: Float32) -> None:
    """`groups / scale` rounded to codes from `lowest` to `highest`, given `inverse` = 1 / scale."""
    np.rint(np.multiply(groups, inverse, out=out), out=out)
    # A row of bounds, not one number: NumPy has no SIMD loop for array against scalar here.
    np.minimum(out, np.full_like(inverse, highest), out=out)
    np.maximum(out, np.full_like(inverse, lowest), out=out)


def fit_signed(groups: Float32, importance: Float32, half: int) -> Float32:
    """The scale (num_groups,), of either sign, for codes `-half` to `half - 1`, without a minimum.

    A trial puts the weight of largest magnitude on code `-(half + trial)`.
    """
    inverse = invert(widest(groups))
    weighted = groups * importance
    codes, products = np.empty_like(groups), np.empty_like(groups)
    scale = np.zeros_like(inverse)
    gain = np.zeros_like(inverse)  # how far the error is below that of scale 0
    for trial in SIGNED_TRIALS:
        round_codes(groups, np.float32(-half - trial) * inverse, -half, half - 1, codes)
        code_weight = total(weighted, codes)
        np.multiply(codes, importance, out=products)
        candidate = code_weight * invert(total(products, codes))
        better = candidate * code_weight > gain
        scale = np.where(better, candidate, scale)
        gain = np.where(better, candidate * code_weight, gain)
    return scale


class LineFit:
    """The best line found so far for each group: `scale` >= 0 and `minimum` <= 0, (num_groups,)."""

    def __init__(self, groups: Float32, importance: Float32, top: int):
        self.groups = groups
        self.importance = importance
        self.top = top
        self.minimum = np.minimum(groups.min(axis=0), 0)
        self.span = groups.max(axis=0) - self.minimum
        self.scale = self.span / np.float32(top)
        self._gain = np.zeros_like(self.span)  # how far the error is below that of a line at 0
        self._weighted = groups * importance
        self._importance_sum = importance.sum(axis=0)
        self._weight_sum = self._weighted.sum(axis=0)
        self._codes, self._products = np.empty_like(groups), np.empty_like(groups)

    def improve(self, minimum: Float32, inverse: Float32) -> None:
        """Take codes from this line, solve for the line that suits them, and keep a better one."""
        codes, products = self._codes, self._products
        np.subtract(self.groups, minimum, out=codes)
        round_codes(codes, inverse, 0, self.top, codes)
        np.multiply(codes, self.importance, out=products)
        scale, minimum, gain = solve_line(
            self._importance_sum,
            products.sum(axis=0),
            total(products, codes),
            self._weight_sum,
            total(self._weighted, codes),
        )
        better = gain > self._gain
        self.scale = np.where(better, scale, self.scale)
        self.minimum = np.where(better, minimum, self.minimum)
        self._gain = np.where(better, gain, self._gain)

    def scale_for(self, minimum: Float32) -> Float32:
        """The best scale where the minimum has been chosen."""
        codes, products = self._codes, self._products
        above = self.groups - minimum
        round_codes(above, invert(self.scale), 0, self.top, codes)
        np.multiply(codes, self.importance, out=products)
        return total(products, above) * invert(total(products, codes))


def fit_line(groups: Float32, importance: Float32, top: int) -> LineFit:
    """The best of the trials, and of one more round from there, for codes 0 to `top`."""
    fit = LineFit(groups, importance, top)
    lowest, inverse = fit.minimum, invert(fit.span)
    for trial in LINE_TRIALS:
        fit.improve(lowest, np.float32(top + trial) * inverse)
    fit.improve(fit.minimum, invert(fit.scale))
    return fit


def solve_line(
    ones: Float32, code: Float32, code_code: Float32, weight: Float32, code_weight: Float32
) -> tuple[Float32, Float32, Float32]:
    """Least squares for given codes: scale, minimum <= 0, and how far they bring the error down.

    The arguments are sums over a group of importance times 1, code, code^2, weight, code * weight.
    """
    determinant = ones * code_code - code * code
    determinant[determinant < SINGULAR * ones * code_code] = 0
    inverse = invert(determinant)
    scale = (ones * code_weight - code * weight) * inverse
    minimum = (code_code * weight - code * code_weight) * inverse
    alone = (inverse == 0) | (minimum > 0)  # then no minimum is the best that is allowed
    scale = np.where(alone, code_weight * invert(code_code), scale)
    minimum = np.where(alone, 0, minimum)
    return scale, minimum, scale * code_weight + minimum * weight
