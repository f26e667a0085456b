"""The set-up that every script starts with, under planted failures."""

import os
import shutil
import signal
import time
from pathlib import Path

import pytest

from sitebuild import set_up
from sitebuild.advice import told_in_one_line

SET_UP = ["venv", "pip install scripts/build.lock", "pip install scripts/requirements.lock"]
SET_UP += ["pip install ."]
SERVED = ["sitebuild serve en"]


def one_line(text):
    """The only line of `text`; a traceback or a second remark fails the test."""
    assert text.endswith("\n")
    assert text.count("\n") == 1, text
    return text.strip()


def edit(path: Path, old: str, new: str):
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def test_a_first_start_sets_up_and_a_second_one_installs_nothing(house):
    assert house.run("scripts/serve").returncode == 0
    assert house.done() == SET_UP + SERVED
    second = house.run("scripts/serve", "zh", "--port", "8123")
    assert (second.returncode, second.stdout, second.stderr) == (0, "", "")
    assert house.done() == ["sitebuild serve zh --port 8123"]


@pytest.mark.parametrize("script", ["serve", "build", "test", "fetch-model"])
def test_every_script_does_the_set_up_itself(house, script):
    house.run(f"scripts/{script}")
    assert house.done()[: len(SET_UP)] == SET_UP


def test_a_changed_lock_makes_the_environment_anew(ready_house):
    house = ready_house
    edit(house.root / "scripts/requirements.lock", "babel==", "# a remark\nbabel==")
    house.run("scripts/serve")
    assert house.done() == SET_UP + SERVED


def test_a_changed_project_is_installed_again_and_nothing_else(ready_house):
    house = ready_house
    edit(house.root / "pyproject.toml", "line-length = 100", "line-length = 99")
    house.run("scripts/serve")
    assert house.done() == SERVED
    edit(house.root / "pyproject.toml", 'name = "membound"', 'name = "membound2"')
    house.run("scripts/serve")
    assert house.done() == ["pip install .", *SERVED]


def test_a_moved_repository_is_set_up_anew(ready_house, tmp_path):
    house = ready_house
    house.root = house.root.rename(tmp_path / "moved")
    house.run("scripts/serve")
    assert house.done() == SET_UP + SERVED


def test_a_failed_installation_of_the_project_is_not_taken_for_the_one_before(ready_house):
    house = ready_house
    edit(house.root / "pyproject.toml", 'name = "membound"', 'name = "membound2"')
    assert house.run("scripts/serve", FAKE_PIP_SAYS="ERROR: no").returncode == 1
    edit(house.root / "pyproject.toml", 'name = "membound2"', 'name = "membound"')
    house.done()
    house.run("scripts/serve")
    assert house.done() == SET_UP + SERVED


def test_another_python_named_in_PYTHON_is_set_up_anew_and_then_kept(ready_house):  # noqa: N802
    house = ready_house
    same, other = house.tools / "python3", house.tools / "python3.12"
    other.write_text(same.read_text().replace("exec", "FAKE_SYS_VERSION=3.12.0 exec"))
    other.chmod(0o755)
    house.run("scripts/serve", PYTHON=str(same))
    assert house.done() == SERVED
    house.run("scripts/serve", PYTHON=str(other))
    assert house.done() == SET_UP + SERVED
    house.run("scripts/serve")
    assert house.done() == SERVED


def test_an_environment_whose_python_went_away_is_made_anew(ready_house):
    house = ready_house
    (house.root / ".venv/bin/python").unlink()
    (house.root / ".venv/bin/python").symlink_to("/nowhere/python3")
    house.run("scripts/serve")
    assert house.done() == SET_UP + SERVED


@pytest.mark.parametrize("stamp", [None, "", "0123"])
def test_an_environment_without_a_whole_stamp_is_made_anew(ready_house, stamp):
    house = ready_house
    path = set_up.stamp_path(house.root)
    path.unlink() if stamp is None else path.write_text(stamp)
    house.run("scripts/serve")
    assert house.done() == SET_UP + SERVED


def start_and_wait_for(house, what, **plants):
    process = house.start("scripts/serve", **plants)
    log = Path(house.environment["FAKE_LOG"])
    deadline = time.monotonic() + 20
    while not (log.exists() and what in log.read_text()):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return process


def test_ctrl_c_ends_the_set_up_in_one_line_and_the_next_start_does_it_all(house):
    process = start_and_wait_for(house, "pip install scripts/req", FAKE_PIP_SLEEPS="0.5")
    os.killpg(process.pid, signal.SIGINT)
    _, stderr = process.communicate(timeout=20)
    assert process.returncode in (130, -signal.SIGINT)
    assert one_line(stderr) == "set-up: interrupted: run this again to go on"
    house.done()
    assert house.run("scripts/serve").returncode == 0
    assert house.done() == SET_UP + SERVED


def test_a_killed_set_up_leaves_no_lock_and_the_next_start_does_it_all(house):
    process = start_and_wait_for(house, "pip install scripts/req", FAKE_PIP_SLEEPS="0.5")
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate(timeout=20)
    house.done()
    assert house.run("scripts/serve").returncode == 0
    assert house.done() == SET_UP + SERVED


def test_of_two_set_ups_at_once_one_waits_for_the_other(house):
    first = start_and_wait_for(house, "pip install scripts/build", FAKE_PIP_SLEEPS="0.3")
    second = house.run("scripts/build")
    first.communicate(timeout=20)
    assert (first.returncode, second.returncode) == (0, 0)
    assert second.stdout == "set-up: another one is at work here: waiting for it\n"
    done = house.done()
    assert [line for line in done if not line.startswith("sitebuild")] == SET_UP


def test_a_failed_step_is_told_in_one_line_and_is_not_taken_for_done(house):
    failed = house.run("scripts/serve", FAKE_PIP_SAYS="ERROR: the moon is in the way")
    assert failed.returncode == 1
    assert one_line(failed.stderr) == (
        "set-up: ERROR: the moon is in the way (its own words: .cache/set-up.log)"
    )
    assert "the moon" in (house.root / ".cache/set-up.log").read_text()
    assert not set_up.stamp_path(house.root).exists()


@pytest.mark.parametrize(
    ("plants", "told"),
    [
        ({"FAKE_VERSION": "3.9.2"}, "no Python 3.11 or newer (python3 is 3.9)"),
        ({"FAKE_MISSING": "ensurepip"}, "install python3."),
        ({"FAKE_MISSING": "ssl"}, "venv, ensurepip or ssl is missing"),
        ({"PYTHON": "/nowhere/python3"}, "(PYTHON=/nowhere/python3 is none)"),
        ({"FAKE_PIP_SAYS": "OSError: [Errno 28] No space left on device"}, "the disk is full"),
        (
            {"FAKE_PIP_SAYS": "ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM ..."},
            "wrong hash",
        ),
    ],
)
def test_what_is_wrong_with_the_machine_is_told_in_one_line(house, plants, told):
    failed = house.run("scripts/serve", **plants)
    assert failed.returncode == 1
    assert told in one_line(failed.stderr)
    assert "sitebuild serve en" not in house.done()


def test_no_python_at_all_is_told_in_one_line(house):
    (house.tools / "python3").unlink()
    failed = house.run("scripts/build")
    assert failed.returncode == 1
    assert one_line(failed.stderr).startswith("build: no Python 3.11 or newer: install one")


def test_a_python_that_does_not_fit_is_passed_over_for_one_that_does(house):
    good = (house.tools / "python3").read_text()
    (house.tools / "python3.13").write_text("#!/bin/sh\necho 'python3.13: not found' >&2; exit 127")
    (house.tools / "python3.12").write_text(good.replace("exec", "FAKE_MISSING=venv exec"))
    for name in ("python3.13", "python3.12"):
        (house.tools / name).chmod(0o755)
    assert house.run("scripts/serve").returncode == 0
    assert house.done() == SET_UP + SERVED


def test_without_a_network_the_real_pip_ends_in_one_line(house):
    failed = house.run(
        "scripts/serve",
        FAKE_PIP="real",
        PIP_CONFIG_FILE="/dev/null",
        PIP_INDEX_URL="http://127.0.0.1:9/simple",
        PIP_RETRIES="0",
    )
    assert failed.returncode == 1
    assert one_line(failed.stderr).startswith("set-up: no network to the package index")


def test_a_disk_too_small_is_told_before_anything_is_touched(house, monkeypatch, capsys):
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(1, 1, 5_000_000))
    assert told_in_one_line("set-up", lambda: set_up.set_up(house.root)) == 1
    told = one_line(capsys.readouterr().err)
    assert told.startswith("set-up: the disk is full")
    assert "has 5 MB free, of 700 MB needed" in told
    assert not (house.root / ".venv").exists()


def test_the_locks_name_no_address_and_hash_every_package():
    for lock in (set_up.BUILD_LOCK, set_up.LOCK, "scripts/model.lock"):
        text = (set_up.REPO / lock).read_text()
        assert "://" not in text
        assert "--index" not in text
        packages = [line for line in text.splitlines() if "==" in line and line[0].isalpha()]
        assert packages
        assert text.count("--hash=sha256:") >= len(packages)
        assert all(line.endswith("\\") for line in packages)
