"""A tool's sheet: what it is for, its commands, flags and limits, each with where it was read.

A sheet is TOML (docs/tools/ollama.toml is one to copy from). Its texts stand in both languages side
by side, `{ en = "…", zh = "…" }`, and a sheet that lacks one, or has a key too many, is refused.
"""

import tomllib
from dataclasses import dataclass, fields
from datetime import date
from pathlib import Path
from string import Template
from typing import Any

LANGUAGES = ("en", "zh")
IDEAS = (
    "context length",
    "share of memory",
    "type of keys and values",
    "requests at once",
    "chunk of a prefill",
    "prefix cache",
    "tensor parallelism",
    "speculative decoding",
    "structured output",
)
SERVER_ROWS = ("address", "routes", "health", "metrics", "key", "hardware", "weights")

Text = dict[str, str]


@dataclass(frozen=True)
class Command:
    """Something to type, and the sentence that stands before it."""

    text: Text
    command: str
    language: str = "bash"


@dataclass(frozen=True)
class Flag:
    """An option with its default, both as one types them, and what it does.

    Options of several tools that stand for one of the `IDEAS` meet in one table.
    """

    flag: str
    default: str | Text
    text: Text
    idea: str | None = None


@dataclass(frozen=True)
class Sheet:
    """Everything that the guide says of one tool; the order of the fields is that of the page."""

    name: str
    use: Text
    what: Text
    version: str
    taken: date
    licence: str
    sources: tuple[str, ...]
    install: tuple[Command, ...]
    run: tuple[Command, ...]
    base: str
    model: str
    call: tuple[Command, ...]
    clients: tuple[str, ...]
    flags: tuple[Flag, ...]
    server: dict[str, str | Text]
    limits: tuple[Text, ...]
    api_key: str = "EMPTY"
    note: Text | None = None

    def client(self, source: str) -> str:
        """A client's source, `$base`, `$model` and `$api_key` filled in for this tool."""
        return Template(source).substitute(base=self.base, model=self.model, api_key=self.api_key)

    def row(self, name: str) -> str | Text:
        """What the tool is for, `use`, or one of the `SERVER_ROWS`."""
        return self.use if name == "use" else self.server[name]

    def flag_for(self, idea: str) -> str | None:
        """The option of this tool that stands for `idea`, if it has one."""
        return next((flag.flag for flag in self.flags if flag.idea == idea), None)


def read_sheet(file: Path) -> Sheet:
    """Read one sheet; `ValueError` names the file, the key and what would fit."""
    try:
        tree = tomllib.loads(file.read_text(encoding="utf-8"))
        return _sheet(tree)
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{file.name}: {error}") from error


def read_sheets(folder: Path) -> dict[str, Sheet]:
    """Every sheet of a folder, by the name of its file."""
    return {file.stem: read_sheet(file) for file in sorted(folder.glob("*.toml"))}


def _sheet(tree: dict[str, Any]) -> Sheet:
    known = {field.name for field in fields(Sheet)}
    if unknown := sorted(tree.keys() - known):
        raise ValueError(f"{unknown[0]!r} is no key of a sheet: it has {', '.join(sorted(known))}")
    for kind, key in ((Command, "install"), (Command, "run"), (Command, "call"), (Flag, "flags")):
        tree[key] = tuple(kind(**entry) for entry in tree.get(key, ()))
    for key in ("sources", "clients", "limits"):
        tree[key] = tuple(tree.get(key, ()))
    sheet = Sheet(**tree)
    if not isinstance(sheet.taken, date):
        raise ValueError(f"taken is a date such as 2026-11-02, not {sheet.taken!r}")
    if tuple(sheet.server) != SERVER_ROWS:
        raise ValueError(f"[server] has the rows {', '.join(SERVER_ROWS)}, in this order")
    for flag in sheet.flags:
        if flag.idea not in (None, *IDEAS):
            raise ValueError(f"{flag.flag}: {flag.idea!r} is none of {', '.join(IDEAS)}")
    for text in _texts(sheet):
        if tuple(text) != LANGUAGES or not all(text.values()):
            raise ValueError(f"a text has {' and '.join(LANGUAGES)}, in this order, not {text!r}")
    return sheet


def _texts(sheet: Sheet) -> list[Text]:
    commands = (*sheet.install, *sheet.run, *sheet.call)
    mixed = (*(flag.default for flag in sheet.flags), *sheet.server.values(), sheet.note)
    return [
        sheet.use,
        sheet.what,
        *(command.text for command in commands),
        *(flag.text for flag in sheet.flags),
        *sheet.limits,
        *(text for text in mixed if isinstance(text, dict)),
    ]
