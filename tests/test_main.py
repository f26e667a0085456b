"""Each test is one sentence that `python -m membound` says of itself."""

import re
import signal
import subprocess
import sys

import pytest

from membound.__main__ import main, times
from membound.model.load import load_model


def run(*arguments, **options):
    return subprocess.run(
        [sys.executable, "-m", "membound", *arguments],
        capture_output=True,
        text=True,
        timeout=120,
        **options,
    )


@pytest.mark.model
def test_it_answers_in_a_chat_and_says_how_long_it_took(model_path):
    result = run("generate", "What is the capital of France?", "--max-new-tokens", "9")
    assert result.returncode == 0
    assert "Paris" in result.stdout
    assert re.search(
        r"prompt tokens, \d+ new in .* \(\d+\.\d tokens/s\): TTFT .*s, TPOT .*s\n$", result.stderr
    )
    assert result.stderr.count("\n") == 1


@pytest.fixture(scope="module")
def loaded(model_path):
    return load_model(model_path)


@pytest.fixture
def model(monkeypatch, loaded):
    """The real model, loaded once for all tests here."""
    monkeypatch.setattr("membound.__main__.load_model", lambda _: loaded)


@pytest.mark.model
def test_raw_continues_the_text_itself(model, capsys):
    assert main(["generate", "--raw", "One, two, three,", "--max-new-tokens", "4"]) == 0
    assert capsys.readouterr().out.startswith(" four, five")


@pytest.mark.model
def test_one_seed_gives_one_text(model, capsys):
    options = ["--temperature", "1.5", "--top-k", "50", "--top-p", "0.9", "--max-new-tokens", "8"]

    def text(seed):
        assert main(["generate", "Tell me a story.", *options, "--seed", seed]) == 0
        return capsys.readouterr().out

    first = text("1")
    assert first == text("1")
    assert first != text("2")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "the following arguments are required"),
        (["fly"], "invalid choice: 'fly'"),
        (["generate"], "the following arguments are required: prompt"),
        (["generate", "x", "--max-new-tokens", "0"], "must be at least 1, got 0"),
        (["generate", "x", "--max-new-tokens", "ten"], "invalid positive value: 'ten'"),
        (["generate", "x", "--temperature", "-1"], "temperature must be 0 or more, got -1.0"),
        (["generate", "x", "--temperature", "1", "--top-p", "2"], "top_p must be above 0"),
        (["generate", "x", "--top-k", "5"], "need a --temperature above 0"),
    ],
)
def test_arguments_without_a_meaning_are_refused_with_status_2(capsys, arguments, message):
    with pytest.raises(SystemExit) as stop:
        main(arguments)
    assert stop.value.code == 2
    assert message in capsys.readouterr().err.splitlines()[-1]


def one_line(capsys):
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    return error


def test_a_missing_file_is_one_line(capsys, tmp_path):
    path = tmp_path / "none.gguf"
    assert main(["generate", "x", "--model", str(path)]) == 1
    assert one_line(capsys) == f"membound: {path}: No such file or directory\n"


def test_a_missing_model_says_how_to_fetch_it(capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("MEMBOUND_CACHE", str(tmp_path))
    assert main(["generate", "x"]) == 1
    assert "run scripts/fetch-model" in one_line(capsys)


def test_a_file_of_another_kind_is_one_line(capsys, tmp_path):
    path = tmp_path / "notes.gguf"
    path.write_text("these are not weights")
    assert main(["generate", "x", "--model", str(path)]) == 1
    assert str(path) in one_line(capsys)


@pytest.mark.model
def test_an_empty_prompt_and_one_too_long_are_one_line(model, capsys):
    assert main(["generate", "--raw", ""]) == 1
    assert "the prompt is empty" in one_line(capsys)
    assert main(["generate", "one " * 9000]) == 1
    assert "exceed the context of 8192" in one_line(capsys)


@pytest.fixture
def talking(model_path):
    """A process in the middle of its answer."""
    command = [sys.executable, "-m", "membound", "generate", "Tell me a story."]
    with subprocess.Popen(
        [*command, "--max-new-tokens", "300"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        process.stdout.read(10)
        yield process


@pytest.mark.model
def test_an_interrupt_ends_it_without_a_traceback(talking):
    talking.send_signal(signal.SIGINT)
    _, error = talking.communicate(timeout=30)
    assert talking.returncode == 130
    assert error == "\n"


@pytest.mark.model
def test_a_reader_who_leaves_early_causes_no_complaint(talking):
    talking.stdout.close()
    assert talking.stderr.read() == ""
    assert talking.wait(timeout=30) == 0


def test_times_are_those_of_the_first_token_and_of_each_after_it():
    assert times(5, [10.0, 12.0, 12.5, 13.0]) == (
        "5 prompt tokens, 3 new in 3.00 s (1.0 tokens/s): TTFT 2.00 s, TPOT 500 ms"
    )
    assert "TPOT" not in times(5, [10.0, 12.0])
    assert "nothing to add" in times(5, [10.0])
