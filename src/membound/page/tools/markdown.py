"""A tool's sheet on the page: the same headings in the same order for every tool.

The headings are HTML, so that they can be linked to without filling the page's table of contents,
which names the tools.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import date

from membound.page.recorder import Translate, emit
from membound.page.tables import to_markdown
from membound.page.text import fill, given
from membound.page.tools.age import STALE_AFTER_DAYS, build_day, last_fresh_day, marked
from membound.page.tools.sheet import IDEAS, SERVER_ROWS, Command, Sheet, Text

GUIDE = "../deployment-tools/"
ROW_NAMES = {
    "use": "for",
    "address": "address",
    "routes": "routes",
    "health": "health",
    "metrics": "metrics",
    "key": "authentication",
    "hardware": "runs on",
    "weights": "reads weights as",
}


def show_sheet(sheet: Sheet, name: str, clients: dict[str, str], today: date | None = None) -> None:
    """Show a sheet; `name` begins the ids of its headings, `clients` maps a file to its source."""
    today = today or build_day()
    emit(lambda translate: "\n".join(_lines(sheet, name, clients, today, translate)) + "\n")


def show_age(taken: Sequence[date], today: date | None = None) -> None:
    """Say when the sheets were taken and how long that holds, and, once it does not, warn."""
    today = today or build_day()
    newest = max(taken)
    stated = fill(
        "Everything here was read in the tools' own sources, between {first} and {last}. "
        "Flags change: after {until}, {days} days later, "
        "look each one up again before you rely on it.",
        first=min(taken),
        last=newest,
        until=last_fresh_day(newest),
        days=STALE_AFTER_DAYS,
    )
    warning = fill(
        "**This page is old.** Its newest source is more than {days} days old: "
        "expect renamed flags.",
        days=STALE_AFTER_DAYS,
    )
    emit(
        lambda translate: (
            f'\n<div class="admonition warning mb-old" {marked(newest, today)} markdown>\n\n'
            f"{translate(warning)}\n\n</div>\n\n{translate(stated)}\n\n"
        )
    )


def show_same_ideas(sheets: Sequence[Sheet]) -> None:
    """Show what each idea is called in each tool; a tool without it gets a dash."""

    def build(translate: Translate) -> str:
        headings = [translate("idea"), *(sheet.name for sheet in sheets)]
        lines = [
            (translate(idea), *(_breakable(sheet.flag_for(idea)) for sheet in sheets))
            for idea in IDEAS
        ]
        return to_markdown(dict.fromkeys(headings, ""), lines, lambda text: text)

    emit(build)


def show_comparison(sheets: Mapping[str, Sheet], rows: Sequence[str]) -> None:
    """Show `rows` of several tools side by side, a tool a line.

    Each tool links to its sheet on the page of all tools, named by its key in `sheets`.
    """

    def build(translate: Translate) -> str:
        headings = ["", *(translate(ROW_NAMES[row]) for row in rows)]
        lines = [
            (f"[{sheet.name}]({GUIDE}#{key})", *(_cell(sheet.row(row), translate) for row in rows))
            for key, sheet in sheets.items()
        ]
        return to_markdown(dict.fromkeys(headings, ""), lines, lambda text: text)

    emit(build)


def _lines(
    sheet: Sheet, name: str, clients: dict[str, str], today: date, translate: Translate
) -> Iterator[str]:
    def heading(label: str) -> str:
        return f'\n<h3 id="{name}-{label.split()[0].lower()}">{translate(label)}</h3>\n'

    yield from ("", _say(sheet.what, translate), "", _origin(sheet, today, translate))
    if sheet.note:
        yield from ("", _say(sheet.note, translate))
    for label, commands in (("Install", sheet.install), ("Run", sheet.run), ("Call", sheet.call)):
        yield heading(label)
        yield from _commands(commands, translate)
    for client in sheet.clients:
        yield f"```python\n{sheet.client(clients[client]).strip()}\n```\n"
    yield heading("Flags")
    rows = [
        (f"`{flag.flag}`", _cell(flag.default, translate), _say(flag.text, translate))
        for flag in sheet.flags
    ]
    headings = [translate(heading) for heading in ("flag", "default", "what it does")]
    yield to_markdown(dict.fromkeys(headings, ""), rows, lambda text: text)
    yield heading("Server")
    rows = [(translate(ROW_NAMES[row]), _cell(sheet.row(row), translate)) for row in SERVER_ROWS]
    yield to_markdown({"": "", sheet.name: ""}, rows, lambda text: text)
    yield heading("Limits")
    yield "\n".join(f"- {_say(limit, translate)}" for limit in sheet.limits) + "\n"


def _origin(sheet: Sheet, today: date, translate: Translate) -> str:
    """Where a sheet was read, and, hidden while it is fresh, that it is old."""
    taken = fill(
        "Taken from {name} {version}, {date}; licence {licence}; read: {sources}.",
        name=sheet.name,
        version=sheet.version,
        date=sheet.taken,
        licence=sheet.licence,
        sources=", ".join(sheet.sources),
    )
    old = fill(
        "More than {days} days old: look a flag up before you use it.", days=STALE_AFTER_DAYS
    )
    attributes = marked(sheet.taken, today)
    return f'{translate(taken)} <strong class="mb-old" {attributes}>{translate(old)}</strong>'


def _commands(commands: Sequence[Command], translate: Translate) -> Iterator[str]:
    for command in commands:
        yield f"{_say(command.text, translate)}\n"
        yield f"```{command.language}\n{command.command.strip()}\n```\n"


def _say(text: Text, translate: Translate) -> str:
    return translate(given(text))


def _breakable(flag: str | None) -> str:
    """A flag that may break where a word of it ends, for a table of many columns."""
    if flag is None:
        return "–"
    words = re.split(r"(?<=[A-Za-z])(?=[-_.])|(?<= )", flag)
    return f'<code class="mb-flag">{"<wbr>".join(f"<span>{word}</span>" for word in words)}</code>'


def _cell(content: str | Text, translate: Translate) -> str:
    said = _say(content, translate) if isinstance(content, dict) else content
    return said.replace("、`", "、<wbr>`")  # names of code do not break, so lines must between them
