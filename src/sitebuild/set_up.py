"""The virtual environment in `.venv`: what the locks say, and nothing else.

Standard library alone. A stamp is written last, so an environment that was interrupted, moved or
made from other locks has none that fits, and is made anew.
"""

import hashlib
import shutil
import subprocess
import sys
import time
import tomllib
from pathlib import Path

from sitebuild.advice import Stop, advice, one_at_a_time, told_in_one_line

REPO = Path(__file__).resolve().parents[2]
# A package without a wheel (jieba) is built here: its builder is locked too, and comes first.
BUILD_LOCK, LOCK = "scripts/build.lock", "scripts/requirements.lock"
LOG = ".cache/set-up.log"
NEEDED_BYTES = 700_000_000  # .venv takes 520 MB, and pip's downloads some more while it runs


def stamp_path(repo: Path) -> Path:
    """Where the stamp lies: inside, so that it goes when the environment goes."""
    return repo / ".venv" / "membound-stamp"


def digest(*parts: bytes) -> str:
    """The sha256 of the parts in a row."""
    return hashlib.sha256(b"\n".join(parts)).hexdigest()


def stamp(repo: Path) -> list[str]:
    """Two texts: one changes with the locks, this Python and the place, one with the project."""
    made_from = (BUILD_LOCK, LOCK, "src/sitebuild/set_up.py")
    locked = digest(*[(repo / name).read_bytes() for name in made_from], sys.version.encode())
    settings = tomllib.loads((repo / "pyproject.toml").read_text(encoding="utf-8"))
    installed = [settings["build-system"], settings["project"], settings["tool"]["hatch"]]
    return [f"{locked} {repo}", digest(repr(installed).encode())]


def stamped(repo: Path) -> list[str]:
    """What `.venv` was made from; nothing where it is not whole or has lost its Python."""
    try:
        (repo / ".venv" / "bin" / "python").stat()
        return stamp_path(repo).read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return []


def run(doing: str, command: list[str | Path], repo: Path, lock_fd: int) -> None:
    """One step of the set-up, its output in the log; a terminal shows how far it is."""
    print(f"set-up: {doing}", flush=True)
    live = sys.stdout.isatty()
    started = time.monotonic()
    output = []
    with (
        (repo / LOG).open("a") as log,
        subprocess.Popen(
            command,
            cwd=repo,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            pass_fds=[lock_fd],  # killed alone, we leave the lock to the child that goes on writing
        ) as process,
    ):
        for line in process.stdout:
            log.write(line)
            output.append(line)
            if live:
                seconds = time.monotonic() - started
                print(f"\r\033[K  {seconds:.0f} s  {line.strip()[:68]}", end="", flush=True)
        if live:
            print("\r\033[K", end="", flush=True)
    if process.returncode:
        raise Stop(f"{advice(''.join(output))} (its own words: {LOG})")


def set_up(repo: Path) -> None:
    """Make `.venv` fit the locks; at once where it does already. Safe to interrupt and repeat."""
    waiting = "set-up: another one is at work here: waiting for it"
    with one_at_a_time(repo / ".cache" / "set-up.lock", waiting) as lock_fd:
        wanted, found = stamp(repo), stamped(repo)
        if found == wanted:
            return
        free = shutil.disk_usage(repo).free
        if free < NEEDED_BYTES:  # asked beforehand: out of space, venv does not say so
            raise Stop(
                f"the disk is full: {repo} has {free / 1e6:.0f} MB free, of "
                f"{NEEDED_BYTES / 1e6:.0f} MB needed: free some space and run this again"
            )
        (repo / LOG).unlink(missing_ok=True)
        stamp_path(repo).unlink(missing_ok=True)
        # Started from inside the environment, we must not clear the Python that runs us.
        base_python = getattr(sys, "_base_executable", sys.executable)
        version = ".".join(map(str, sys.version_info[:3]))
        pip = [repo / ".venv" / "bin" / "python", "-I", "-m", "pip", "--disable-pip-version-check"]
        install = [*pip, "install", "--progress-bar=off", "--no-build-isolation"]
        locked = [*install, "--require-hashes", "-r"]
        steps = [
            (
                f"making .venv with Python {version}",
                [base_python, "-I", "-m", "venv", "--clear", repo / ".venv"],
            ),
            ("installing what builds packages", [*locked, BUILD_LOCK]),
            ("installing the locked packages (a minute or so)", [*locked, LOCK]),
            ("installing the project", [*install, "--no-deps", "-e", "."]),
        ]
        if found[:1] == wanted[:1]:
            steps = steps[-1:]
        for doing, command in steps:
            run(doing, command, repo, lock_fd)
        stamp_path(repo).write_text("\n".join(wanted), encoding="utf-8")
        print("set-up: done", flush=True)


def main(arguments: list[str]) -> int:
    """`--check` only asks whether all is ready, and says so with the exit status."""
    if arguments == ["--check"]:
        return 0 if stamped(REPO) == stamp(REPO) else 1
    return told_in_one_line("set-up", lambda: set_up(REPO))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
