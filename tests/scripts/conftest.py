"""A small copy of the house, with a space in its path, and a Python that plays along."""

import os
import shutil
import signal
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from sitebuild import set_up
from sitebuild.fetch_model import SMOLLM2

REPO = Path(__file__).parents[2]
COPIED = (
    ".ci",
    "pyproject.toml",
    "scripts",
    "src/membound/__init__.py",
    "src/membound/model/__init__.py",
    "src/membound/model/local.py",
    "src/sitebuild/__init__.py",
    "src/sitebuild/advice.py",
    "src/sitebuild/fetch_model.py",
    "src/sitebuild/set_up.py",
)
TOOLS = ("bash", "cat", "date", "dirname", "mktemp", "rm", "sh", "tail")


@dataclass
class House:
    """The copy, and what its scripts were made to do."""

    root: Path
    tools: Path
    cache: Path
    environment: dict[str, str] = field(default_factory=dict)

    def start(self, *command: str, **plants: str) -> subprocess.Popen[str]:
        """Start a script as the leader of a group of processes, from a folder that is not ours."""
        return subprocess.Popen(
            [str(self.root / command[0]), *command[1:]],
            cwd="/",
            env=self.environment | plants,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            # A test run in the background ignores Ctrl-C, and would hand that on.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )

    def run(self, *command: str, **plants: str) -> subprocess.CompletedProcess[str]:
        """Run a script to its end."""
        process = self.start(*command, **plants)
        try:
            stdout, stderr = process.communicate(timeout=60)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            raise
        return subprocess.CompletedProcess(command, process.returncode, stdout, stderr)

    def done(self) -> list[str]:
        """What the fake Python was asked to do since the last call."""
        log = Path(self.environment["FAKE_LOG"])
        lines = log.read_text().splitlines() if log.exists() else []
        log.unlink(missing_ok=True)
        return lines

    def put_model(self) -> Path:
        """A file of the model's size in the cache folder; a start looks no further than that."""
        path = self.cache / SMOLLM2.name
        path.parent.mkdir(exist_ok=True)
        with path.open("wb") as file:
            file.truncate(SMOLLM2.num_bytes)
        return path


@pytest.fixture
def house(tmp_path: Path) -> House:
    """A fresh clone on a machine whose only Python is the fake one; the model is there."""
    root = tmp_path / "a house"
    for name in COPIED:
        target = root / name
        target.parent.mkdir(parents=True, exist_ok=True)
        (shutil.copytree if (REPO / name).is_dir() else shutil.copy)(REPO / name, target)
    tools = tmp_path / "tools"
    tools.mkdir()
    for tool in TOOLS:
        (tools / tool).symlink_to(shutil.which(tool))
    python = tools / "python3"
    fake = Path(__file__).with_name("fake_python.py")
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" -S "{fake}" "$0" "$@"\n')
    python.chmod(0o755)
    house = House(root, tools, tmp_path / "cache")
    house.environment = {
        "PATH": str(tools),
        "HOME": str(tmp_path),
        "FAKE_LOG": str(tmp_path / "log"),
        "MEMBOUND_CACHE": str(house.cache),
    }
    house.put_model()
    return house


@pytest.fixture
def ready_house(house: House) -> House:
    """The same after its first start: with an environment that is stamped."""
    (house.root / ".venv" / "bin").mkdir(parents=True)
    shutil.copy(house.tools / "python3", house.root / ".venv" / "bin" / "python")
    set_up.stamp_path(house.root).write_text("\n".join(set_up.stamp(house.root)))
    return house
