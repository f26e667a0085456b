"""The page being rendered: what its blocks said, in the language of its edition.

Python-Markdown gives its extensions a text and no more, so the plugin says here which page the text
is of; the extensions look up results and report problems here.
"""

import logging
from contextvars import ContextVar
from dataclasses import dataclass, field

from sitebuild.problems import Problem
from sitebuild.run.execute import Ran
from sitebuild.source.pages import Block, Page

log = logging.getLogger("mkdocs.membound")  # under mkdocs, so that --strict counts it


@dataclass
class Rendering:
    """One page on its way to HTML."""

    page: Page
    ran: Ran
    values: dict[str, str]
    shown: set[str] = field(default_factory=set)
    reported: set[Problem] = field(default_factory=set)

    @property
    def blocks(self) -> dict[str, Block]:
        """The blocks of the page by name."""
        return {block.name: block for block in self.page.blocks}

    def output(self, name: str) -> str | None:
        """What a block prints on this page; None if it failed."""
        result = self.ran.result(self.blocks[name])
        if result is None:
            return None
        language = self.page.edition
        return "".join(p if isinstance(p, str) else p[language] for p in result["parts"])

    def report(self, line: int, message: str) -> None:
        """Report a problem once."""
        problem = Problem(self.page.file, line, message)
        if problem not in self.reported:
            self.reported.add(problem)
            log.warning("%s", problem)


current: ContextVar[Rendering] = ContextVar("current")


def report_text(text: str, message: str) -> None:
    """Report a problem at the line of the current page where `text` stands."""
    rendering = current.get()
    lines = rendering.page.lines
    first = text.strip().splitlines()[0] if text.strip() else text
    line = next((n for n, held in enumerate(lines, 1) if first in held), 0)
    rendering.report(line, message)
