"""The catalogue of labels: docs/labels.toml maps each English text to its words in Chinese."""

import tomllib
from pathlib import Path
from typing import Any

from sitebuild.problems import Problem
from sitebuild.source.pages import EDITIONS

FILE = Path("docs", "labels.toml")


def read_catalogues(root: Path) -> tuple[dict[str, dict[str, str]], list[Problem]]:
    """For each edition a map from English to its own words; English itself has an empty one."""
    catalogues: dict[str, dict[str, str]] = {edition: {} for edition in EDITIONS}
    file = root / FILE
    if not file.is_file():
        return catalogues, []
    problems: list[Problem] = []
    text = file.read_text(encoding="utf-8")
    try:
        tree = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        return catalogues, [Problem(FILE, 0, f"is not TOML: {error}")]
    words = catalogues["zh"]
    for english, chinese in _leaves(tree):
        if words.setdefault(english, chinese) != chinese:
            line = text[: text.rindex(english)].count("\n") + 1
            problems.append(Problem(FILE, line, f"{english!r} has two translations"))
    return catalogues, problems


def _leaves(tree: dict[str, Any]) -> list[tuple[str, str]]:
    """The texts of every section; sections only group what belongs to one page."""
    found: list[tuple[str, str]] = []
    for key, entry in tree.items():
        found += _leaves(entry) if isinstance(entry, dict) else [(key, str(entry))]
    return found
