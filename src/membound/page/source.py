"""The real source of a function on the page, so that what is shown is what runs."""

import inspect
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

from membound.page.recorder import emit


def show_source(thing: Callable[..., Any], *, docstring: bool = False) -> None:
    """Show the source of a function or class, without its docstring unless asked."""
    lines = textwrap.dedent(inspect.getsource(thing)).rstrip().split("\n")
    if not docstring and (doc := thing.__doc__):
        length = doc.count("\n") + 1
        start = next(i for i, line in enumerate(lines) if '"""' in line)
        del lines[start : start + length]
    module = Path(inspect.getfile(thing))
    place = "/".join(module.parts[module.parts.index("src") :]) if "src" in module.parts else ""
    title = f' title="{place}"' if place else ""
    text = "\n".join(lines)
    emit(lambda _: f"\n```python{title}\n{text}\n```\n\n")
