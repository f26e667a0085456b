"""`build`: run every block, render both editions at once, inspect, and put the site in place.

The site is built beside the last good one and takes its place only when nothing is wrong.
"""

import contextlib
import os
import pickle
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from sitebuild import publish
from sitebuild.problems import Problem
from sitebuild.run.execute import HANDED_OVER, Ran, run_everything
from sitebuild.source_problems import source_problems

CONFIGS = {"en": "mkdocs.yml", "zh": "mkdocs.zh.yml"}
EPOCH = "1767225600"  # 2026-01-01: the same bytes on every day
REPORTED = re.compile(r"^(?:WARNING|ERROR|CRITICAL) +-  +(?P<message>.*)$")
IN_FILE = re.compile(r"^Doc file '(?P<doc>[^']+)' contains (?P<what>.*?'(?P<link>[^']*)'.*)$")
OURS = re.compile(r"^(?P<file>(?:docs|src)/[^:]+):(?P<line>\d+): (?P<message>.*)$")
NAV = re.compile(r"(?:A reference to|A relative path to|- ) ?'?(?P<doc>[\w./-]+\.md)'?")


def build(root: Path, *, reuse: bool = False) -> int:
    """Build `root/site`; returns the exit code. Blocks run anew unless `reuse`."""
    start = time.perf_counter()
    _restore(root)
    say("running the blocks of every page")
    ran = run_everything(root, reuse=reuse, tell=lambda text: print(f"  {text}", flush=True))
    problems = source_problems(ran)
    _print(problems)
    say("rendering both editions")
    with tempfile.TemporaryDirectory(prefix="site-", dir=_work_folder(root)) as folder:
        site = Path(folder, "en")
        for found in _render(root, Path(folder), ran):
            _print(found)
            problems += found
        if not problems:
            num_checks = publish.write_checks(site, ran)
            problems += _finish(root, site, Path(folder, "zh"))
            _print(problems)
        if problems:
            held = " The last good site/ is untouched." if (root / "site").exists() else ""
            say(f"{len(problems)} problem{'s' * (len(problems) > 1)}: nothing was published.{held}")
            return 1
        _put_in_place(site, root / "site")
    seconds = time.perf_counter() - start
    say(
        f"site/ is ready: {len(ran.pages['en'])} pages in 2 editions, {num_checks} checks passed, "
        f"{seconds:.0f} s ({ran.seconds:.0f} s in {ran.num_run} blocks)"
    )
    return 0


def say(text: str) -> None:
    """One line on what is happening."""
    print(f"build: {text}", flush=True)


def _print(problems: list[Problem]) -> None:
    for problem in problems:
        print(problem, file=sys.stderr, flush=True)


def _work_folder(root: Path) -> Path:
    """Where a site is built; what builds that were killed have left there is cleared away."""
    folder = root / ".cache"
    folder.mkdir(exist_ok=True)
    for left in folder.glob("site-*"):
        if time.time() - left.stat().st_mtime > 3600:
            shutil.rmtree(left, ignore_errors=True)
    return folder


def _render(root: Path, folder: Path, ran: Ran) -> Iterator[list[Problem]]:
    """Run MkDocs for both editions at once; yields what each finds wrong."""
    handed_over = folder / "ran"
    handed_over.write_bytes(pickle.dumps(ran))
    environment = (
        {"SOURCE_DATE_EPOCH": EPOCH}
        | os.environ
        | {"NO_MKDOCS_2_WARNING": "1", HANDED_OVER: str(handed_over)}
    )
    running = {
        edition: subprocess.Popen(
            [
                sys.executable,
                "-m",
                "mkdocs",
                "build",
                "--strict",
                "-f",
                config,
                "-d",
                folder / edition,
            ],
            cwd=root,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for edition, config in CONFIGS.items()
    }
    try:
        for edition, process in running.items():
            output, _ = process.communicate()
            yield _read_mkdocs(output, edition, root, process.returncode)
    finally:
        for process in running.values():
            process.kill()


def _addresses() -> dict[str, str]:
    """The Chinese edition's address follows from the site's."""
    site = os.environ.get("SITE_URL")
    return {"SITE_URL_ZH": f"{site.rstrip('/')}/zh/"} if site else {}


def _read_mkdocs(output: str, edition: str, root: Path, returncode: int) -> list[Problem]:
    lines = output.splitlines()
    messages = [match["message"] for line in lines if (match := REPORTED.match(line))]
    problems = [_to_problem(message, edition, root) for message in messages]
    if returncode and not problems:
        tail = next((line for line in reversed(lines) if line.strip()), "no output")
        problems.append(Problem(Path(CONFIGS[edition]), 0, f"mkdocs failed: {tail}"))
    return problems


def _to_problem(message: str, edition: str, root: Path) -> Problem:
    """Give MkDocs' own messages the line that they lack."""
    if match := OURS.match(message):
        return Problem(Path(match["file"]), int(match["line"]), match["message"])
    if match := IN_FILE.match(message):
        file = Path("docs", edition, match["doc"])
        return Problem(file, _line_with(match["link"], root / file), f"contains {match['what']}")
    config = Path(CONFIGS[edition])
    match = NAV.search(message)
    return Problem(config, _line_with(match["doc"], root / config) if match else 0, message)


def _line_with(text: str, file: Path) -> int:
    with contextlib.suppress(OSError):
        lines = file.read_text(encoding="utf-8").splitlines()
        return next((n for n, line in enumerate(lines, 1) if text in line), 0)
    return 0


def _finish(root: Path, site: Path, chinese: Path) -> list[Problem]:
    """Join the editions and inspect the whole."""
    chinese.rename(site / "zh")
    publish.write_sitemaps(site)
    publish.repair_templates(site)
    return sorted(publish.inspect(site.resolve(), root))


def _put_in_place(new: Path, site: Path) -> None:
    """Swap in the new site. `_restore` mends an interruption between the two renames."""
    old = site.parent / ".cache" / "site.old"
    shutil.rmtree(old, ignore_errors=True)
    if site.exists():
        site.rename(old)
    new.rename(site)
    shutil.rmtree(old, ignore_errors=True)


def _restore(root: Path) -> None:
    old = root / ".cache" / "site.old"
    if old.exists() and not (root / "site").exists():
        old.rename(root / "site")
