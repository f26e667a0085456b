"""What each script takes, passes on and reports."""

import os
import socket
import subprocess
import sys

import pytest

from sitebuild import set_up

SCRIPTS = ("serve", "build", "test", "fetch-model", "lock")


@pytest.mark.parametrize("script", SCRIPTS)
def test_help_tells_what_a_script_does_and_does_nothing(house, script):
    for option in ("--help", "-h"):
        run = house.run(f"scripts/{script}", option)
        assert run.returncode == 0
        assert run.stdout.startswith(f"usage: ./scripts/{script}")
        assert run.stderr == ""
    assert house.done() == []


@pytest.mark.parametrize("script", SCRIPTS)
def test_an_unknown_argument_is_told_before_anything_is_done(house, script):
    run = house.run(f"scripts/{script}", "--nonsense")
    assert run.returncode == 2
    assert run.stdout == ""
    told = f"unknown argument '--nonsense'; './scripts/{script} --help' lists what it takes"
    assert run.stderr == f"{script}: {told}\n"
    assert house.done() == []


@pytest.mark.parametrize("arguments", [["--port"], ["--port", "http"], ["--port=80a"]])
def test_serve_asks_for_a_number_as_its_port(house, arguments):
    run = house.run("scripts/serve", *arguments)
    assert run.returncode == 1
    assert run.stderr.count("\n") == 1
    assert "as in: ./scripts/serve --port 8001" in run.stderr


@pytest.mark.parametrize(
    ("command", "passed_on"),
    [
        (["serve"], "serve en"),
        (["serve", "en"], "serve en"),
        (["serve", "zh", "--port=8001"], "serve zh --port 8001"),
        (["build"], "build"),
        (["build", "--reuse"], "build --reuse"),
    ],
)
def test_serve_and_build_pass_on_what_they_were_asked(ready_house, command, passed_on):
    assert ready_house.run(f"scripts/{command[0]}", *command[1:]).returncode == 0
    assert ready_house.done()[-1] == f"sitebuild {passed_on}"


def test_a_taken_port_is_told_in_one_line_that_names_it_and_the_option():
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = str(other.getsockname()[1])
        run = subprocess.run(
            [sys.executable, "-m", "sitebuild", "serve", "en", "--port", port],
            cwd=set_up.REPO,
            capture_output=True,
            text=True,
            timeout=60,
        )
    assert run.returncode != 0
    assert run.stderr.count("\n") == 1
    assert port in run.stderr
    assert "--port" in run.stderr


@pytest.fixture
def tested_house(ready_house):
    """Tools of the test run that only say that they were called."""
    house = ready_house
    for tool in ("ruff", "lint-imports", "pytest"):
        path = house.root / ".venv/bin" / tool
        path.write_text(
            "#!/bin/sh\n"
            f'echo "{tool} $*" >> "$FAKE_LOG"\n'
            f'case "{tool} $*" in $FAKE_FAILS) echo "{tool} is not content"; exit 1 ;; esac\n'
        )
        path.chmod(0o755)
    return house


ALL_STEPS = [
    "ruff format --check .",
    "ruff check .",
    "lint-imports --no-cache",
    "pytest tests -q -rs -n 2 -m not site and not browser",
    "sitebuild build",
    "pytest tests -q -rs -n 2 -m site or browser",
]


def test_the_test_run_does_every_step_and_says_so(tested_house):
    run = tested_house.run("scripts/test", FAKE_FAILS="none")
    assert run.returncode == 0
    assert tested_house.done() == ALL_STEPS
    assert run.stdout.splitlines()[-1].startswith("test: all 6 steps passed in ")
    assert "test: import contract: passed in " in run.stdout


def test_a_quick_test_run_leaves_out_the_site(tested_house):
    run = tested_house.run("scripts/test", "--quick", FAKE_FAILS="none")
    assert run.returncode == 0
    assert tested_house.done() == ALL_STEPS[:4]


def test_a_failed_step_hides_no_other_and_all_are_named_in_the_last_line(tested_house):
    run = tested_house.run("scripts/test", FAKE_FAILS="*check*")
    assert run.returncode == 1
    assert tested_house.done() == ALL_STEPS
    assert "ruff is not content" in run.stdout
    assert "test: lint: FAILED with exit status 1 in " in run.stdout
    assert run.stderr.strip().endswith(": format, lint")


@pytest.mark.parametrize("step", ALL_STEPS[:4] + ALL_STEPS[5:])
def test_each_step_can_fail_the_test_run(tested_house, step):
    assert tested_house.run("scripts/test", FAKE_FAILS=step).returncode == 1


def test_a_lock_without_a_resolver_ends_in_one_line_and_leaves_the_locks(house):
    before = (house.root / set_up.LOCK).read_bytes()
    run = house.run("scripts/lock", TMPDIR=str(house.tools))
    assert run.returncode == 1
    assert run.stderr.startswith("lock: no resolver: check the network and try again")
    assert run.stderr.count("\n") == 1
    assert (house.root / set_up.LOCK).read_bytes() == before
    assert not list(house.tools.glob("tmp.*"))


@pytest.fixture
def ci_house(house):
    """A machine without a browser, where `apt-get` and `id` are ours and the test run is a stub."""
    stubs = {
        house.tools / "apt-get": 'echo "apt-get $*" >> "$FAKE_LOG"; test "$1" != "$FAKE_FAILS"',
        house.tools / "id": 'echo "$FAKE_USER"',
        house.root / "scripts/test": 'echo "scripts/test in $PWD" >> "$FAKE_LOG"',
    }
    for path, text in stubs.items():
        path.write_text(f"#!/bin/sh\n{text}\n")
        path.chmod(0o755)
    house.tested = f"scripts/test in {house.root}"
    return house


def test_ci_installs_the_browser_first_and_then_tests(ci_house):
    run = ci_house.run(".ci/run", FAKE_USER="0", FAKE_FAILS="nothing", CI="true")
    assert run.returncode == 0
    update, install, tested = ci_house.done()
    assert update.startswith("apt-get update")
    assert install.startswith("apt-get install")
    assert " chromium" in install
    assert tested == ci_house.tested


@pytest.mark.parametrize("failing", ["update", "install"])
def test_ci_tests_without_a_browser_where_none_can_be_installed(ci_house, failing):
    run = ci_house.run(".ci/run", FAKE_USER="0", FAKE_FAILS=failing)
    assert "ci: could not install chromium" in run.stdout
    assert ci_house.done()[-1] == ci_house.tested


def test_ci_installs_nothing_as_another_user_than_root(ci_house):
    run = ci_house.run(".ci/run", FAKE_USER="1000", FAKE_FAILS="nothing")
    assert run.stdout.startswith("ci: without chromium")
    assert ci_house.done() == [ci_house.tested]


def test_every_script_can_be_started():
    for script in SCRIPTS:
        assert os.access(set_up.REPO / "scripts" / script, os.X_OK)
    assert os.access(set_up.REPO / ".ci" / "run", os.X_OK)
