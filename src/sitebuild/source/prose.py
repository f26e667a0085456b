"""Measured numbers typed into prose: nothing keeps them true, so the build refuses them.

A number with a unit of measurement passes if code brings it (`#!val name`, which is no literal), if
it stands in code or a formula, or if its paragraph names a source: a link out or a footnote.
"""

import re
from collections.abc import Iterator

from sitebuild.problems import Problem
from sitebuild.source.pages import Page

UNITS = (
    r"[kMGT]i?B(?:/s)?|bytes?|字节"
    r"|[nmuµμ]?s|(?:milli|micro|nano)?seconds?|minutes?|hours?|毫秒|微秒|秒|分钟|小时"
    r"|[kMGTP]?FLOPS?|[kMGTP]?FLOP/s|[MG]?Hz|W"
    r"|tokens?/s|tok/s|tokens? (?:per|a) second|词元/秒|词元每秒"
    r"|x|×|倍|times(?= (?:as|faster|slower|more|less|fewer|smaller|larger|the))"
    r"|%|percent|per cent"
)
NUMBER = r"(?<![A-Za-z0-9.^_{])\d[\d,.]*"
LITERAL = re.compile(rf"{NUMBER}[ \u00a0-]?(?:{UNITS})(?![A-Za-z0-9/])")
SOURCED = re.compile(r"\]\(https?://|\[\^[\w-]+\]|<https?://")
IGNORED = re.compile(  # code, formulas, link targets, tags, attributes
    r"`+[^`]*`+|\$\$.*?\$\$|\$[^$\n]+\$|\\\(.*?\\\)|\]\([^)]*\)|<[^>]+>|\{[^}]*\}", re.S
)


def find_literals(page: Page) -> list[Problem]:
    """Each number with a unit in the prose of a page that nothing stands behind."""
    return [
        Problem(
            page.file,
            line,
            f'"{match[0]}" is typed by hand: take it from code with `#!val name`, '
            "or give its source in the same paragraph (a link or a footnote)",
        )
        for line, paragraph in _paragraphs(page)
        if not SOURCED.search(paragraph)
        for match in LITERAL.finditer(IGNORED.sub(_blank, paragraph))
        for line in [line + paragraph[: match.start()].count("\n")]
    ]


def _blank(match: re.Match[str]) -> str:
    """Spaces in the place of what is ignored, so that positions stay."""
    return re.sub(r"[^\n]", " ", match[0])


def _paragraphs(page: Page) -> Iterator[tuple[int, str]]:
    """Runs of prose lines without an empty line between them, with the line each starts on."""
    start, held = 0, list[str]()
    for number, line in [*_outside_front_matter(page), (len(page.lines) + 1, "")]:
        if line.strip() and (not held or number == start + len(held)):
            start = start if held else number
            held.append(line)
            continue
        if held:
            yield start, "\n".join(held)
        start, held = number, [line] if line.strip() else []


def _outside_front_matter(page: Page) -> list[tuple[int, str]]:
    if page.lines[:1] != ["---"]:
        return page.prose
    end = page.lines.index("---", 1) + 1
    return [(number, line) for number, line in page.prose if number > end]
