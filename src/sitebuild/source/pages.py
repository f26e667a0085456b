"""A page: its text, the blocks that it runs and the values that it names.

The code of a block lies once, in `docs/blocks/<page>.py`, as a cell that opens with `# %% name`;
the fence in each edition names it: ```` ```python exec="on" cell="name" ````. What stands below a
line `# not shown` runs with the rest and is left out where the page shows the code. A fence may
hold its code itself, too, as long as both editions hold the same.
"""

import re
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from sitebuild.problems import Problem
from sitebuild.source.fences import Fence, read_fences

EDITIONS = ("en", "zh")
CELL = re.compile(r"^# %% *(?P<name>\S.*?) *$")
NOT_SHOWN = "# not shown"
VALUE = re.compile(r"`#!val +(?P<name>[^`]*?) *`")
NO_VALUE = re.compile(r"`#!(?!val +[^`\s][^`]*`)[^`]*")


@dataclass
class Block:
    """Code that a page runs: `code` stands in `file` from line `first_line` on.

    `key` names its result, once it is known what the block can reach.
    """

    name: str
    code: str
    file: Path
    first_line: int
    fence: Fence
    key: str = ""

    @property
    def shown(self) -> str:
        """The code that a page with `source=` shows: all of it, or what stands before the mark."""
        return re.split(rf"^{NOT_SHOWN}$", self.code, maxsplit=1, flags=re.M)[0].rstrip()

    @property
    def raises(self) -> str | None:
        """The exception that this block is there to show, if any."""
        return self.fence.options.get("raises")


@dataclass
class Page:
    """One Markdown file of one edition; paths are relative to `root`."""

    root: Path
    edition: str
    path: Path
    blocks: list[Block] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)

    @property
    def file(self) -> Path:
        """Where the page lies under the root."""
        return Path("docs", self.edition, self.path)

    @property
    def name(self) -> str:
        """The page's name in messages and results: its path without the ending."""
        return self.path.with_suffix("").as_posix()

    @cached_property
    def lines(self) -> list[str]:
        """The lines of the file."""
        return (self.root / self.file).read_text(encoding="utf-8").splitlines()

    @cached_property
    def fences(self) -> list[Fence]:
        """Every fence of the page."""
        return read_fences(self.lines, self.report)

    @cached_property
    def prose(self) -> list[tuple[int, str]]:
        """The numbered lines outside the fences."""
        fenced = {n for f in self.fences for n in range(f.line, (f.end or len(self.lines)) + 1)}
        return [(n, line) for n, line in enumerate(self.lines, 1) if n not in fenced]

    @property
    def values(self) -> list[tuple[int, str]]:
        """Names of the inline values `#!val name` in the prose, with their lines."""
        return [(n, match["name"]) for n, line in self.prose for match in VALUE.finditer(line)]

    @property
    def odd_values(self) -> list[tuple[int, str]]:
        """What begins like an inline value and is none, with its lines."""
        return [(n, match[0]) for n, line in self.prose for match in NO_VALUE.finditer(line)]

    def report(self, line: int, message: str) -> None:
        """Note a problem at a line of this page."""
        self.problems.append(Problem(self.file, line, message))


def blocks_file(path: Path) -> Path:
    """Where the cells of a page lie: `learn/kv-cache.md` has `docs/blocks/learn/kv_cache.py`."""
    return Path("docs", "blocks", path.with_name(path.stem.replace("-", "_") + ".py"))


def read_cells(text: str) -> dict[str, tuple[int, str]]:
    """The cells of a blocks file: name to (first line of its code, code)."""
    lines = text.splitlines()
    starts = [(i, match["name"]) for i, line in enumerate(lines) if (match := CELL.match(line))]
    ends = [i for i, _ in starts[1:]] + [len(lines)]
    return {
        name: (start + 2, "\n".join(lines[start + 1 : end]).rstrip() + "\n")
        for (start, name), end in zip(starts, ends, strict=True)
    }


def read_page(root: Path, edition: str, path: Path) -> Page:
    """Read a page and find its blocks; what is wrong with it is in `page.problems`."""
    page = Page(root, edition, path)
    source = blocks_file(path)
    file = root / source
    cells = read_cells(file.read_text(encoding="utf-8")) if file.is_file() else {}
    for fence in filter(lambda f: f.executed, page.fences):
        named = fence.options.get("cell")
        if named is None:
            name = f"block-{len(page.blocks) + 1}"
            code = "\n".join(fence.body) + "\n"
            page.blocks.append(Block(name, code, page.file, fence.line + 1, fence))
        elif "".join(fence.body).strip():
            page.report(fence.line, f'cell="{named}" brings its own code: leave the fence empty')
        elif named not in cells:
            have = ", ".join(cells) or "none"
            page.report(fence.line, f'no cell "{named}" in {source}: it has {have}')
        else:
            first_line, code = cells[named]
            page.blocks.append(Block(named, code, source, first_line, fence))
    _refuse_strays(page, source, cells)
    return page


def _refuse_strays(page: Page, source: Path, cells: dict[str, tuple[int, str]]) -> None:
    shown = [block.name for block in page.blocks]
    for name, (first_line, _) in cells.items():
        if name not in shown:
            message = f'cell "{name}" is on no line of {page.file}'
            page.problems.append(Problem(source, first_line - 1, message))
    for block in page.blocks:
        if shown.count(block.name) > 1 and block.fence.line != _first(page.blocks, block.name):
            page.report(block.fence.line, f'cell "{block.name}" runs twice on this page')


def _first(blocks: list[Block], name: str) -> int:
    return next(block.fence.line for block in blocks if block.name == name)


def read_edition(root: Path, edition: str) -> dict[Path, Page]:
    """Every page of an edition, by its path."""
    folder = root / "docs" / edition
    paths = sorted(file.relative_to(folder) for file in folder.rglob("*.md"))
    return {path: read_page(root, edition, path) for path in paths}
