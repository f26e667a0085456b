"""What `serve` need not convert again.

MkDocs converts and indexes every page for every edit. Here a page whose text, results and
neighbours are what they were keeps its HTML, so that the wait for an edit does not grow with the
site. A page that was warned about is converted again, so that the warning is heard again.
"""

import hashlib
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

# What Page.render sets, but for its links, which point into the Files of that build.
STATE = ("content", "toc", "_title_from_render", "present_anchor_ids")


def digest(parts: Sequence[Any]) -> str:
    """A hash of the `repr` of each part."""
    return hashlib.sha256(repr(parts).encode()).hexdigest()


class _Warnings(logging.Handler):
    """Counts what MkDocs and its plugins warn about."""

    def __init__(self):
        super().__init__(logging.WARNING)
        self.count = 0

    def emit(self, _record: logging.LogRecord) -> None:
        self.count += 1


@dataclass
class Converted:
    """The outcome of converting one page."""

    key: str
    state: dict[str, Any]
    links: dict[str, dict[str, str]]

    def restore(self, page: Page, files: Files) -> None:
        """Give a page of a later build what converting it would give."""
        vars(page).update(self.state)
        found = {files.get_file_from_path(name): links for name, links in self.links.items()}
        page.links_to_anchors = {file: links for file, links in found.items() if file}


class Remembered:
    """The pages of earlier builds of one process."""

    def __init__(self):
        self._pages: dict[str, Converted] = {}
        self._entries: dict[str, tuple[str, list[Any]]] = {}
        self._begun: dict[str, tuple[str, int]] = {}
        self._warnings = _Warnings()
        logging.getLogger("mkdocs").addHandler(self._warnings)

    def offer(self, page: Page, key: str) -> bool:
        """Whether the page is as it was; then its conversion will only restore that."""
        kept = self._pages.get(page.file.src_uri)
        if kept and kept.key == key:
            page.render = lambda config, files: kept.restore(page, files)  # noqa: ARG005
            return True
        self._begun[page.file.src_uri] = (key, self._warnings.count)
        return False

    def keep(self, page: Page) -> None:
        """Note a conversion that went without a warning."""
        key, warnings = self._begun.pop(page.file.src_uri, ("", -1))
        if warnings == self._warnings.count:
            links: dict[File, dict[str, str]] = page.links_to_anchors or {}
            self._pages[page.file.src_uri] = Converted(
                key,
                {name: getattr(page, name) for name in STATE},
                {file.src_uri: anchors for file, anchors in links.items()},
            )

    def index_once(self, config: MkDocsConfig) -> None:
        """Let the search plugin parse a page only if its HTML has changed."""
        search = config.plugins.get("material/search")
        if search and search.config.enabled:
            index = search.search_index
            index.add_entry_from_context = partial(self._index, index, index.add_entry_from_context)

    def _index(self, index: Any, add: Callable[[Page], None], page: Page) -> None:
        content, entries = self._entries.get(page.url, (None, []))
        if content == page.content:
            index.entries += entries
            return
        before = len(index.entries)
        add(page)
        self._entries[page.url] = (page.content, index.entries[before:])
