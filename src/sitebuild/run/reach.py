"""What a block can reach: earlier blocks through names, library modules through imports.

A block's key is a hash of everything that can change what it prints. While authoring, a block whose
key has a stored result is not run again, so an edit re-runs the blocks that can reach it and no
others.
"""

import ast
import hashlib
import sys
from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass
from functools import cached_property, lru_cache
from importlib.metadata import version
from pathlib import Path

from sitebuild.source.pages import Block

FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
SCOPES = (*FUNCTIONS, ast.ClassDef, ast.Lambda)


@dataclass(frozen=True)
class Names:
    """The names that a piece of code binds, and those that it mentions.

    `fixed` are bound by import, def or class: nothing that later code does with them changes them,
    whereas a mention of any other name (`rows.append(1)`, `rng.normal()`) may.
    """

    fixed: frozenset[str]
    variable: frozenset[str]
    mentioned: frozenset[str]


@lru_cache(maxsize=4096)
def names_of(code: str) -> Names:
    """Read the names of a block; a block that does not parse has none, and will fail when run."""
    try:
        tree = ast.parse(code)
    except SyntaxError:
        return Names(frozenset(), frozenset(), frozenset())
    fixed, variable = set(), set()
    for node in _outside_functions(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            fixed |= {(alias.asname or alias.name).split(".")[0] for alias in node.names}
        elif isinstance(node, (*FUNCTIONS, ast.ClassDef)):
            fixed.add(node.name)
        elif isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
            variable.add(node.id)
        elif isinstance(node, ast.ExceptHandler | ast.MatchAs | ast.MatchStar) and node.name:
            variable.add(node.name)
    mentioned = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    return Names(frozenset(fixed), frozenset(variable), frozenset(mentioned))


def _outside_functions(tree: ast.AST) -> Iterator[ast.AST]:
    for node in ast.iter_child_nodes(tree):
        yield node
        if not isinstance(node, SCOPES):
            yield from _outside_functions(node)


def needed_blocks(blocks: Sequence[Block]) -> list[set[int]]:
    """For each block, the earlier blocks whose effects it can see, and theirs in turn."""
    names = [names_of(block.code) for block in blocks]
    return [_seen_from(j, names) for j in range(len(names))]


def _seen_from(j: int, names: Sequence[Names]) -> set[int]:
    variables = set().union(*(earlier.variable for earlier in names[:j]))
    needed: set[int] = set()
    mentioned = names[j].mentioned
    while True:
        found = {
            i
            for i, earlier in enumerate(names[:j])
            if mentioned & (earlier.fixed | earlier.variable)
            or mentioned & earlier.mentioned & variables
        }
        if found == needed:
            return needed
        needed = found
        # a function of a needed block sees what its own names are bound to by now
        mentioned = mentioned.union(*(names[i].mentioned for i in needed))


@lru_cache(maxsize=4096)  # while authoring, nearly all sources are those of the last time
def _imports(code: str) -> frozenset[str]:
    try:
        tree = ast.parse(code)
    except SyntaxError:
        return frozenset()
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return frozenset(found)


class Library:
    """The Python sources under a folder, and which of them a module can reach."""

    def __init__(self, folder: Path):
        self.folder = folder
        self._closures: dict[str, frozenset[str]] = {}

    @cached_property
    def files(self) -> dict[str, Path]:
        """Every module by its dotted name."""
        found = {}
        for file in sorted(self.folder.rglob("*.py")):
            parts = file.relative_to(self.folder).with_suffix("").parts
            found[".".join(parts).removesuffix(".__init__")] = file
        return found

    @cached_property
    def digests(self) -> dict[str, bytes]:
        """A hash of each module, with the data files that lie beside a package's `__init__`."""
        return {name: _digest_of(file) for name, file in self.files.items()}

    @cached_property
    def imports(self) -> dict[str, set[str]]:
        """The modules of this library that each module imports by name, its packages included."""
        return {
            name: self.modules_in(_imports(file.read_text(encoding="utf-8")))
            for name, file in self.files.items()
        }

    def modules_in(self, dotted_names: Set[str]) -> set[str]:
        """Those names that are modules of this library, with the packages that hold them."""
        prefixes = set()
        for name in dotted_names:
            parts = name.split(".")
            prefixes |= {".".join(parts[: i + 1]) for i in range(len(parts))}
        return prefixes & self.files.keys()

    def reachable(self, code: str) -> set[str]:
        """All modules that running `code` can import, directly or through others."""
        found, waiting = set(), list(self.modules_in(_imports(code)))
        while waiting:
            module = waiting.pop()
            if module not in found:
                found.add(module)
                waiting += self.imports[module]
        return found


def _digest_of(file: Path) -> bytes:
    digest = hashlib.sha256(file.read_bytes())
    if file.name == "__init__.py":
        for other in sorted(file.parent.iterdir()):
            if other.is_file() and other.suffix != ".py":
                digest.update(other.name.encode() + other.read_bytes())
    return digest.digest()


@lru_cache(maxsize=4096)
def _possible_names(code: str) -> tuple[str, ...]:
    try:
        tree = ast.parse(code)
    except SyntaxError:
        return ()
    texts = [node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)]
    return tuple(
        text
        for text in texts
        if isinstance(text, str)
        and 0 < len(text) < 200
        and text.isprintable()
        and not text.startswith((".", "/"))
    )


def _mentioned_files(code: str, root: Path) -> Iterator[Path]:
    """Files that a text in the code names, and all files under a folder that one names."""
    for name in _possible_names(code):
        place = root / name
        yield from (place,) if place.is_file() else sorted(place.rglob("*.*"))


def keys_of(page_name: str, blocks: Sequence[Block], library: Library, root: Path) -> list[str]:
    """A key for each block of a page: equal keys, equal results."""
    runner = Path(__file__).with_name("child.py").read_bytes()
    ground = repr((sys.version, version("numpy"), version("matplotlib"), page_name)).encode()
    keys: list[str] = []
    for block, needed in zip(blocks, needed_blocks(blocks), strict=True):
        digest = hashlib.sha256(ground + runner)
        digest.update(repr((block.name, block.code, block.raises)).encode())
        for i in sorted(needed):
            digest.update(keys[i].encode())
        for module in sorted(library.reachable(block.code)):
            digest.update(module.encode() + library.digests[module])
        for file in _mentioned_files(block.code, root):
            if file.is_file() and "__pycache__" not in file.parts:
                digest.update(file.read_bytes())
        keys.append(digest.hexdigest()[:32])
    return keys
