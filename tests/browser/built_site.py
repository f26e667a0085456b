"""Where the built site lies, and what pages it has."""

import os
from pathlib import Path

import pytest

SITE = Path(os.environ.get("MEMBOUND_SITE") or Path(__file__).parents[2] / "site").resolve()
EDITIONS = {"en": "", "zh": "zh/"}


def page_paths() -> list[str]:
    """The address of every page under the home page: "", "kv-cache/", "zh/", ... and "404.html"."""
    files = (file.relative_to(SITE) for file in SITE.rglob("index.html"))
    folders = ("" if file.parent == Path() else f"{file.parent.as_posix()}/" for file in files)
    return [*sorted(folders), "404.html"]


def edition_of(path: str) -> str:
    """The edition that a page belongs to."""
    return "zh" if path.startswith("zh/") else "en"


def need_site() -> Path:
    """The built site, or a skip that says how to have one."""
    if not (SITE / "index.html").is_file():
        pytest.skip(f"no built site at {SITE}: run scripts/build first, or set MEMBOUND_SITE")
    return SITE
