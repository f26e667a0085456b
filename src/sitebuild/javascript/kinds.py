"""What an expression is, known before it runs: this is what makes a transcription safe.

Python keeps whole numbers exact and gives `and` its operand back; JavaScript does neither. Where
the kinds are known, the places in which the two would part can be refused.
"""

from dataclasses import dataclass
from enum import Enum


class Scalar(Enum):
    """One value. A `WHOLE` may be a Python int at run time; a `FLOAT` is never one."""

    FLOAT = "a float"
    WHOLE = "a whole number"
    BOOL = "true or false"
    TEXT = "a text"


@dataclass(frozen=True)
class Record:
    """A dict with the fields that its literal, or its TypedDict, names."""

    fields: tuple[tuple[str, "Kind"], ...]

    def get(self, key: str) -> "Kind | None":
        """The kind of a field; None if there is no such field."""
        return dict(self.fields).get(key)


@dataclass(frozen=True)
class Row:
    """A tuple."""

    items: tuple["Kind", ...]


Kind = Scalar | Record | Row
FLOAT, WHOLE, BOOL, TEXT = Scalar
NUMBERS = {FLOAT, WHOLE}
ANNOTATED = {"float": FLOAT, "bool": BOOL, "str": TEXT}
"""What a parameter can be. Not int: a formula reckons in floats."""


def told(kind: Kind) -> str:
    """The kind in words."""
    match kind:
        case Scalar():
            return kind.value
        case Record():
            return "a record"
    return "a tuple"


def join(first: Kind, second: Kind) -> Kind | None:
    """What a value is that is one or the other; None if they have nothing in common."""
    match first, second:
        case Scalar(), Scalar():
            if first is second:
                return first
            return WHOLE if {first, second} == NUMBERS else None
        case Record(), Record():
            if [key for key, _ in first.fields] != [key for key, _ in second.fields]:
                return None
            keys = [key for key, _ in first.fields]
            kinds = _join_all([k for _, k in first.fields], [k for _, k in second.fields])
            return kinds and Record(tuple(zip(keys, kinds, strict=True)))
        case Row(), Row():
            if len(first.items) != len(second.items):
                return None
            kinds = _join_all(first.items, second.items)
            return kinds and Row(tuple(kinds))
    return None


def _join_all(first: list[Kind], second: list[Kind]) -> list[Kind] | None:
    kinds = [join(a, b) for a, b in zip(first, second, strict=True)]
    return None if None in kinds else kinds
