"""Code fences of a Markdown text, read strictly: a fence that is misspelt is refused, not skipped.

markdown-exec and pymdownx.superfences treat a fence that they do not understand as plain code
and say nothing, so a typing slip would silently stop a block from running.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

OPEN = re.compile(r"^(?P<indent>[ \t>]*)(?P<ticks>`{3,}|~{3,})[ \t]*(?P<header>.*?)[ \t]*$")
OPTION = re.compile(r'(?P<name>\w+)="(?P<value>[^"]*)"')
LANGUAGE = re.compile(r"^[\w+-]*(?=\s|$)")

SHOWN_ONLY = {"title", "hl_lines"}
EXECUTED = {"exec", "cell", "source", "result", "html", "tabs", "raises", *SHOWN_ONLY}
SOURCES = {"above", "below", "block", "console", "tabbed-left", "tabbed-right"}
ON = {"exec", "html"}
HL_LINES = re.compile(r"^\d+(-\d+)?( \d+(-\d+)?)*$")


@dataclass
class Fence:
    """One fence: where it opens and closes (lines count from 1), its options and its body."""

    line: int
    indent: str
    ticks: str
    language: str
    options: dict[str, str]
    body: list[str] = field(default_factory=list)
    end: int = 0

    @property
    def executed(self) -> bool:
        """Whether the page asks for this block to be run."""
        return "exec" in self.options


def read_fences(lines: Iterable[str], report: Callable[[int, str], None]) -> list[Fence]:
    """All fences of a text in order; `report(line, message)` hears of each slip."""
    fences: list[Fence] = []
    open_fence: Fence | None = None
    for number, line in enumerate(lines, 1):
        if open_fence:
            if line.strip(" \t>") == open_fence.ticks:
                open_fence.end = number
                open_fence = None
            else:
                open_fence.body.append(line.removeprefix(open_fence.indent))
        elif (match := OPEN.match(line)) and "`" not in match["header"]:
            language, options = _read_header(match["header"], lambda m, n=number: report(n, m))
            open_fence = Fence(number, match["indent"], match["ticks"], language, options)
            fences.append(open_fence)
    if open_fence:
        report(open_fence.line, f"this fence is never closed with {open_fence.ticks}")
    return fences


def _read_header(header: str, report: Callable[[str], None]) -> tuple[str, dict[str, str]]:
    match = LANGUAGE.match(header)
    if match is None:
        report(f'a fence opens with its language and name="value" options, not {header!r}')
        return "", {}
    language, rest = match[0], header[match.end() :]
    options = {m["name"]: m["value"] for m in OPTION.finditer(rest)}
    if loose := OPTION.sub("", rest).split():
        report(f'fence option {loose[0]} is not understood: write it as name="value"')
    for message in _slips(language, options):
        report(message)
    return language, options


def _slips(language: str, options: dict[str, str]) -> Iterator[str]:
    executed = "exec" in options
    allowed = EXECUTED if executed else SHOWN_ONLY
    for name in options.keys() - allowed:
        also = "" if executed else ' (and exec="on" for a block to run)'
        yield f"unknown fence option {name}: these are known: {', '.join(sorted(allowed))}{also}"
    if executed and language != "python":
        yield f"only python blocks are run, not {language or 'one without a language'}"
    for name in ON & options.keys():
        if options[name] != "on":
            yield f'{name}="{options[name]}" is not understood: write {name}="on" or leave it out'
    if not HL_LINES.match(options.get("hl_lines", "1")):
        yield f'hl_lines="{options["hl_lines"]}" is not understood: write it like "1 4-6"'
    if options.get("source", "above") not in SOURCES:
        known = ", ".join(sorted(SOURCES))
        yield f'source="{options["source"]}" is not understood: it is one of {known}'
