"""Values from a stranger's file: refused if they are of the wrong kind, in one short line.

`repr` alone is neither: an array's goes over many lines, and a list of a million names is a million
names long.
"""

import re
from collections.abc import Mapping
from reprlib import Repr
from typing import Any


class _Short(Repr):
    """Cuts what is long in its middle."""

    def __init__(self):
        super().__init__()
        self.maxstring = self.maxlong = self.maxother = 90  # a tensor's name stays whole: 64 bytes
        self.maxlist, self.maxlevel = 4, 1


def quote(value: Any) -> str:
    """The `repr` of a value, cut to one short line; no character in it moves a cursor."""
    return re.sub(r"\s*\n\s*", " ", _Short().repr(value))


def whole(
    values: Mapping[str, Any], key: str, default: int | None = None, *, least: int = 1
) -> int:
    """The whole number under `key`, or `default`; anything else is a `ValueError` with its key."""
    value = values.get(key, default)
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise ValueError(f"{key} must be a whole number from {least}, got {quote(value)}")
    return value
