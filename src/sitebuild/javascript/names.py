"""Names: a Python name stays, but for those that JavaScript keeps for itself."""

import re

RESERVED = frozenset(
    re.findall(
        r"\w+",
        """
        arguments await break case catch class const continue debugger default delete do else
        enum eval export extends false finally for function if implements import in instanceof
        interface let new null package private protected public return static super switch
        this throw true try typeof undefined var void while with yield Infinity NaN
        """,
    )
)
"""Of ECMAScript in strict mode, in which modules are."""
BUILT_IN = frozenset(("math", "min", "max", "abs", "float"))
"""What formulas may use of Python itself, and hence not give another meaning."""


def js_name(name: str) -> str:
    """`name`, with a `$` behind it where JavaScript reserves it; no Python name has one."""
    return f"{name}$" if name in RESERVED else name
