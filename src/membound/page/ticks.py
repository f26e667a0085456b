"""Numbers along an axis: short and plain, without TeX and without an offset in a corner."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axis import Axis
from matplotlib.ticker import Formatter, LogFormatter, LogLocator, NullLocator, ScalarFormatter

PREFIXES = ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"), (1.0, ""))
BINARY_PREFIXES = ((2.0**40, "Ti"), (2.0**30, "Gi"), (2.0**20, "Mi"), (2.0**10, "Ki"))
SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def linear_labels(values: Sequence[float]) -> list[str]:
    """One prefix for all: 0, 500, 1,000, 1,500 or 0, 0.5M, 1M, 1.5M."""
    top = max((abs(value) for value in values), default=0.0)
    if top < 1e4:
        return [_minus(f"{value:,.6g}") for value in values]
    scale, prefix = next((scale, prefix) for scale, prefix in PREFIXES if top >= scale)
    return [_minus(f"{value / scale:.6g}") + (prefix if value else "") for value in values]


def log_labels(values: Sequence[float], base: float = 10) -> list[str]:
    """1, 10, 100, 1k; powers of ten where a decimal would be long; 1024 or 4Ki with base 2."""
    if base == 2:
        if max(values, default=1) < 2**17:
            return [f"{value:.6g}" for value in values]
        return [_short(value, BINARY_PREFIXES) for value in values]
    if min(values, default=1) < 1e-3:
        return [_power_of_ten(value) for value in values]
    return [_short(value) for value in values]


class ShortNumbers(Formatter):
    """Formats all ticks of an axis together, so that they agree."""

    def __init__(self, log_base: float | None = None):
        self.log_base = log_base

    def format_ticks(self, values: Sequence[float]) -> list[str]:
        """The labels of these ticks."""
        if self.log_base is None:
            return linear_labels(values)
        return log_labels(values, self.log_base)

    def __call__(self, x: float, pos: int | None = None) -> str:  # noqa: ARG002 (Matplotlib's signature)
        """The label of one tick alone."""
        return self.format_ticks([x])[0]


def use_short_numbers(axis: Axis) -> None:
    """Replace Matplotlib's default numbers; a locator or formatter that the author chose stays."""
    base = getattr(axis.get_transform(), "base", None)
    if isinstance(axis.get_major_formatter(), ScalarFormatter | LogFormatter):
        axis.major.formatter = ShortNumbers(base)
        axis.major.formatter.set_axis(axis)
    if base is None:
        return
    axis.minor.locator = NullLocator()
    if axis.isDefault_majloc:
        low, high = np.sort(axis.get_view_interval())
        between = (1.0, 2.0, 5.0) if base == 10 and high / low <= 120 else (1.0,)
        axis.major.locator = LogLocator(base=base, subs=between)
        axis.major.locator.set_axis(axis)


def _short(value: float, prefixes: Sequence[tuple[float, str]] = PREFIXES) -> str:
    scale, prefix = next((pair for pair in prefixes if value >= pair[0]), (1.0, ""))
    return f"{value / scale:.6g}{prefix}"


def _power_of_ten(value: float) -> str:
    digits, exponent = f"{value:.6e}".split("e")
    power = "10" + str(int(exponent)).translate(SUPERSCRIPTS)
    return power if float(digits) == 1 else f"{float(digits):.6g}×{power}"


def _minus(text: str) -> str:
    return text.replace("-", "−")
