"""Units: a GB is not a GiB, and a second is too long for what is measured here.

Memory is bought in GB (10⁹ bytes) and given out in GiB (2³⁰ bytes): 7 % apart, enough to turn
"fits" into "does not". Names say which: 80 GB are 74.5 GiB. Where a number stands alone, its type
says it: `Gigabytes` and `Gibibytes` neither add up nor compare until both are bytes.
"""

from dataclasses import dataclass
from typing import ClassVar, Self

KB, MB, GB, TB = 10**3, 10**6, 10**9, 10**12
KIB, MIB, GIB, TIB = 2**10, 2**20, 2**30, 2**40

_DECIMAL = (("TB", TB), ("GB", GB), ("MB", MB), ("kB", KB))
_BINARY = (("TiB", TIB), ("GiB", GIB), ("MiB", MIB), ("KiB", KIB))
_SECONDS = (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6), ("ns", 1e-9))


@dataclass(frozen=True, order=True)
class _Amount:
    value: float
    bytes_each: ClassVar[int]
    symbol: ClassVar[str]

    @classmethod
    def from_bytes(cls, num_bytes: float) -> Self:
        """As many of this unit as the bytes make."""
        return cls(num_bytes / cls.bytes_each)

    @property
    def num_bytes(self) -> float:
        """The same in bytes, the unit in which amounts meet."""
        return self.value * self.bytes_each

    def __add__(self, other: Self) -> Self:
        return type(self)(self.value + other.value) if type(other) is type(self) else NotImplemented

    def __sub__(self, other: Self) -> Self:
        return type(self)(self.value - other.value) if type(other) is type(self) else NotImplemented

    def __str__(self) -> str:
        return f"{self.value:.4g} {self.symbol}"


class Gigabytes(_Amount):
    """10⁹ bytes each, as memory is sold; `TypeError` if added to or compared with `Gibibytes`."""

    bytes_each, symbol = GB, "GB"


class Gibibytes(_Amount):
    """2³⁰ bytes each, as memory is given out; `TypeError` if mixed with `Gigabytes`."""

    bytes_each, symbol = GIB, "GiB"


def format_bytes(num_bytes: float, *, binary: bool = False) -> str:
    """Three digits and a unit: 538_062_336 is "538 MB", or "513 MiB" if `binary`."""
    return _format(num_bytes, (*(_BINARY if binary else _DECIMAL), ("B", 1)))


def format_s(seconds: float) -> str:
    """Three digits and a unit: 0.02134 is "21.3 ms"."""
    return _format(seconds, _SECONDS)


def _format(value: float, units: tuple[tuple[str, float], ...]) -> str:
    # 999.6 MB rounds to four digits: it is 1.00 GB. Hence 0.9995.
    fitting = (unit for unit in units if abs(value) >= 0.9995 * unit[1])
    name, size = next(fitting, units[-1])
    scaled = value / size
    if name == "B":
        return f"{scaled:.0f} B"
    decimals = 2 if abs(scaled) < 9.995 else 1 if abs(scaled) < 99.95 else 0
    return f"{scaled:.{decimals}f} {name}"
