"""The site beside the editor: an edit shows without a restart, and re-runs only what it reaches."""

import socket
import subprocess
import sys
import time
import urllib.request

import pytest

CELLS = """\
# %% first
print("first ran")

# %% second
from lib.low import answer
from membound.page.values import value

value("total", answer)
"""


@pytest.fixture
def port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def fetch(address: str) -> str:
    try:
        with urllib.request.urlopen(address, timeout=30) as response:
            return response.read().decode()
    except OSError:  # not up yet, or building
        return ""


def wait_for(address: str, text: str, *, seconds: float) -> float:
    """How long it takes until the page at `address` shows `text`."""
    start = time.monotonic()
    while time.monotonic() - start < seconds:
        if text in fetch(address):
            return time.monotonic() - start
        time.sleep(0.05)
    pytest.fail(f"{text!r} does not show within {seconds} s")


@pytest.fixture
def served(site, port):
    """The address of a page of a small site, served until the test ends."""
    (site.root / "src").unlink()
    site.write("src/lib/__init__.py", "")
    site.write("src/lib/low.py", "answer = 6\n")
    site.write("src/lib/apart.py", "other = 1\n")
    site.write("docs/blocks/page.py", CELLS)
    for edition in ("en", "zh"):
        site.edit(f"docs/{edition}/page.md", ' source="above"', "")
    command = [sys.executable, "-m", "sitebuild", "--root", str(site.root), "serve", "en"]
    environment = {"PYTHONPATH": str(site.root / "src"), "PATH": "/usr/bin:/bin"}
    log = site.root / "serve.log"
    with log.open("w") as out:
        process = subprocess.Popen(
            [*command, "--port", str(port)], stdout=out, stderr=subprocess.STDOUT, env=environment
        )
    try:
        yield f"http://127.0.0.1:{port}/page/", site, log
    finally:
        process.terminate()
        process.wait(10)


def test_edits_show_without_a_restart_and_rerun_only_what_they_reach(served):
    address, site, log = served
    wait_for(address, '<span class="val">6</span>', seconds=90)
    assert f"serving at {address.removesuffix('page/')}\n" in log.read_text()

    site.edit("docs/en/page.md", "The total is", "Altogether there are")
    wait_for(address, "Altogether there are", seconds=60)
    assert log.read_text().count("blocks run") == 1  # an edit of prose runs nothing

    site.write("src/lib/low.py", "answer = 7\n")
    wait_for(address, '<span class="val">7</span>', seconds=60)
    assert log.read_text().count("page: 1 of 2 blocks run") == 1  # the other cannot reach it

    site.write("src/lib/apart.py", "other = 2\n")
    site.edit("docs/en/page.md", "Altogether there are", "In all there are")
    wait_for(address, "In all there are", seconds=60)
    assert log.read_text().count("blocks run") == 2


def test_a_mistake_is_told_on_the_console_and_serving_goes_on(served):
    address, site, log = served
    wait_for(address, '<span class="val">6</span>', seconds=90)
    site.write("src/lib/low.py", "answer = 1 / 0\n")
    wait_for(address, "this block failed", seconds=60)
    assert "docs/en/page.md:8: ZeroDivisionError: division by zero" in log.read_text()
    site.write("src/lib/low.py", "answer = 8\n")
    wait_for(address, '<span class="val">8</span>', seconds=60)


def test_a_port_that_is_taken_is_told_in_one_line(site, port):
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", port))
        holder.listen()
        command = [sys.executable, "-m", "sitebuild", "--root", str(site.root), "serve"]
        result = subprocess.run(
            [*command, "en", "--port", str(port)], capture_output=True, text=True, check=False
        )
    assert result.returncode == 1
    assert result.stderr.startswith(f"serve: port {port} is taken")
    assert result.stderr.count("\n") == 1
