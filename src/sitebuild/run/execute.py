"""Runs the blocks of all pages, page after page, and keeps what they said.

Each page's blocks run in a process of their own (`sitebuild.run.child`), alone on the machine, so
that no neighbour spoils a timing. Both editions are then rendered from the same results.
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from membound.bench import THREAD_VARIABLES, num_threads
from sitebuild.problems import Problem
from sitebuild.run.reach import Library, keys_of, needed_blocks
from sitebuild.source.labels import read_catalogues
from sitebuild.source.pages import Block, Page, read_edition

Result = dict[str, Any]
Catalogues = Mapping[str, Mapping[str, str]]
HANDED_OVER = "MEMBOUND_RAN"  # names the file in which a build hands its results to MkDocs
LIMIT_S = float(os.environ.get("MEMBOUND_BLOCK_LIMIT_S", "300"))


@dataclass
class Store:
    """Results on disk, by key; a result whose translations have changed since counts as absent."""

    folder: Path

    def get(self, key: str, catalogues: Catalogues) -> Result | None:
        """The stored result, if it is still what a run would say."""
        try:
            result = json.loads((self.folder / f"{key}.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
        for language, labels in result["labels"].items():
            if any(catalogues[language].get(label) != words for label, words in labels.items()):
                return None
        return result

    def put(self, key: str, result: Result) -> None:
        """Keep a result, all of it or none."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile("w", dir=self.folder, delete=False) as out:
            json.dump(result, out, ensure_ascii=False)
        Path(out.name).replace(self.folder / f"{key}.json")


@dataclass
class Ran:
    """The pages of the site, and what their blocks said, by key."""

    root: Path
    pages: dict[str, dict[Path, Page]]
    catalogues: Catalogues
    results: dict[str, Result] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    num_run: int = 0
    seconds: float = 0.0

    def result(self, block: Block) -> Result | None:
        """What a block said; None if it failed."""
        return self.results.get(block.key)

    def checks(self, page: Page) -> list[Result]:
        """The checks of a page in the order of its blocks."""
        return [c for block in page.blocks if (r := self.result(block)) for c in r["checks"]]

    def values(self, page: Page) -> dict[str, str]:
        """The values that a page's blocks have named."""
        named: dict[str, str] = {}
        for block in page.blocks:
            named |= (self.result(block) or {}).get("values", {})
        return named


def run_everything(root: Path, *, reuse: bool, tell: Callable[[str], None] | None = None) -> Ran:
    """Run what every page asks for. With `reuse`, blocks whose stored result still holds rest."""
    tell = tell or (lambda _: None)
    catalogues, problems = read_catalogues(root)
    pages = {edition: read_edition(root, edition) for edition in catalogues}
    ran = Ran(root, pages, catalogues, problems=problems)
    library = Library(root / "src")
    store = Store(root / ".cache" / "blocks")
    every_page = [page for edition in pages.values() for page in edition.values()]
    for page in every_page:
        keys = keys_of(page.name, page.blocks, library, root)
        for block, key in zip(page.blocks, keys, strict=True):
            block.key = key
            if reuse and (result := store.get(key, catalogues)):
                ran.results[key] = result
    asked: set[str] = set()  # the second edition finds its results there, or its failures told
    for page in every_page:
        missing = {block.key for block in page.blocks} - ran.results.keys() - asked
        asked |= missing
        if missing:
            _run_page(page, missing, ran, store, tell)
    _report_checks(ran)
    ran.problems += [problem for page in every_page for problem in page.problems]
    return ran


def _run_page(
    page: Page, missing: set[str], ran: Ran, store: Store, tell: Callable[[str], None]
) -> None:
    """Run the blocks whose results are missing, and those that they need."""
    needed = needed_blocks(page.blocks)
    stale = {i for i, block in enumerate(page.blocks) if block.key in missing}
    wanted = sorted(stale.union(*(needed[i] for i in stale)))
    blocks = {page.blocks[i].name: page.blocks[i] for i in wanted}
    jobs = [
        {
            "name": block.name,
            "code": block.code,
            "file": str(block.file),
            "first_line": block.first_line,
            "raises": block.raises,
            "needs": [page.blocks[j].name for j in needed[i]],
        }
        for i, block in zip(wanted, blocks.values(), strict=True)
    ]
    start = time.perf_counter()
    done, death = _in_child(ran.root, jobs, ran.catalogues)
    seconds = time.perf_counter() - start
    for result in done:
        block = blocks[result["name"]]
        if result["error"]:
            _report_failure(page, block, result["error"])
        elif block.key in missing:
            ran.results[block.key] = result
            store.put(block.key, result)
    if death:
        finished = {result["name"] for result in done}
        unfinished = [block for name, block in blocks.items() if name not in finished]
        victim = (unfinished or list(blocks.values()))[0 if unfinished else -1]  # or at its exit
        page.report(victim.fence.line, death)
    ran.num_run += len(done)
    ran.seconds += seconds
    tell(f"{page.name}: {len(done)} of {len(page.blocks)} blocks run, {seconds:.1f} s")


def _in_child(
    root: Path, blocks: list[dict[str, Any]], catalogues: Catalogues
) -> tuple[list[Result], str]:
    """Run the blocks; returns what finished, and why the process died before its end, if it did."""
    # What the machine line states is what the BLAS library gets: it asks once, when it is loaded.
    pinned = dict.fromkeys(THREAD_VARIABLES, str(num_threads()))
    with tempfile.TemporaryDirectory() as folder:
        out, errors = Path(folder, "results"), Path(folder, "errors")
        out.touch()
        with errors.open("w") as stderr:
            child = subprocess.Popen(
                [sys.executable, "-m", "sitebuild.run.child", str(out)],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=stderr,
                cwd=root,
                env=os.environ | {"MPLBACKEND": "svg"} | pinned,
                text=True,
                process_group=0,
            )
        try:
            with child.stdin as stdin:
                json.dump({"blocks": blocks, "catalogues": catalogues}, stdin)
            overran = _wait(child, out)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)  # and whatever a block has started
            child.wait()
        done = [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]
        said = errors.read_text(errors="replace").strip().splitlines() or ["it said nothing"]
    if overran:
        return done, f"the block ran for more than {LIMIT_S:.0f} s and was stopped"
    if child.returncode:
        return done, f"the process running the block ended with {child.returncode}: {said[-1]}"
    return done, ""


def _wait(child: "subprocess.Popen[str]", out: Path) -> bool:
    """Wait for the end; True if one block took longer than the limit."""
    size, since = -1, time.monotonic()
    while True:
        try:
            child.wait(timeout=0.05)
        except subprocess.TimeoutExpired:
            if out.stat().st_size != size:
                size, since = out.stat().st_size, time.monotonic()
            elif time.monotonic() - since > LIMIT_S:
                return True
        else:
            return False


def _report_failure(page: Page, block: Block, error: Result) -> None:
    text = error["text"]
    if block.file == page.file and error["line"]:
        line = error["line"]
    else:
        line = block.fence.line
        text += f" ({block.file}:{error['line'] or block.first_line})"
    page.report(line, text + (f" in {error['inside']}" if error["inside"] else ""))


def _report_checks(ran: Ran) -> None:
    reported: set[str] = set()  # both editions show the same blocks: say it once
    for page in (page for edition in ran.pages.values() for page in edition.values()):
        for block in page.blocks:
            result = ran.result(block)
            if result is None or block.key in reported:
                continue
            reported.add(block.key)
            for check in result["checks"]:
                if not check["passed"]:
                    page.report(
                        block.fence.line,
                        f"failed check: {check['name']['en']}: {check['value']} "
                        f"({check['kind']}), expected {check['expected']} ({check['oracle']})",
                    )
