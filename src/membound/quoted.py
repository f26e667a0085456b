"""A value from a stranger's file inside an error message: on one line, and short.

`repr` alone is neither: an array's goes over many lines, and a list of a million names is a million
names long.
"""

import re
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
