"""Numbers named for the prose: after `value("ratio", 2.41, ".1f")`, `#!val ratio` reads 2.4."""

from membound.page.recorder import current


def value(name: str, number: float | str, spec: str = "") -> None:
    """Name a number of this page; `spec` is its format. A name is given once."""
    if not name.isidentifier():
        raise ValueError(f"a value's name is letters, digits and underscores, not {name!r}")
    recorder = current()
    if recorder is None:
        return
    if name in recorder.values:
        raise ValueError(f"value {name!r} is already {recorder.values[name]}")
    recorder.values[name] = format(number, spec)
