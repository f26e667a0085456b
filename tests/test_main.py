"""Each test is one sentence that `python -m membound` says of itself."""

import re
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from membound.__main__ import draw_bar, main, times
from membound.gguf.convert import Progress
from membound.gguf.reader import read_gguf
from membound.gguf.writer import NewTensor, write_gguf
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


def test_too_little_memory_is_one_line(capsys, monkeypatch):
    def load(_):
        raise MemoryError("Unable to allocate 28.0 GiB")

    monkeypatch.setattr("membound.__main__.load_model", load)
    assert main(["generate", "x", "--model", "x.gguf"]) == 1
    assert one_line(capsys) == "membound: not enough memory: Unable to allocate 28.0 GiB\n"


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


@pytest.fixture
def small_file(tmp_path):
    """A GGUF file of one matrix and one norm."""
    path = tmp_path / "in.gguf"
    tensors = {
        "blk.0.ffn_up.weight": np.linspace(-1, 1, 4 * 256, dtype=np.float32).reshape(4, 256),
        "blk.0.ffn_norm.weight": np.ones(256, np.float32),
    }
    write_gguf(
        path,
        {"general.architecture": "llama"},
        [NewTensor(name, tensor.shape, "F32") for name, tensor in tensors.items()],
        lambda name: tensors[name].reshape(-1).view(np.uint8),
    )
    return path


def test_quantize_writes_a_file_in_the_format(small_file, tmp_path, capsys):
    target = tmp_path / "out.gguf"
    assert main(["quantize", str(small_file), str(target), "Q4_K"]) == 0
    with read_gguf(target) as written:
        assert written.tensors["blk.0.ffn_up.weight"].type_name == "Q4_K"
        assert written.tensors["blk.0.ffn_norm.weight"].type_name == "F32"
    assert capsys.readouterr().err.startswith(f"{target}: {target.stat().st_size:,} bytes")


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (("missing.gguf", "out.gguf", "Q4_K"), 1, "missing.gguf"),
        (("in.gguf", "nowhere/out.gguf", "Q4_K"), 1, "nowhere"),
        (("in.gguf", "in.gguf", "Q4_K"), 1, "in.gguf"),
        (("in.gguf", "out.gguf", "Q9_Z"), 2, "invalid choice: 'Q9_Z'"),
    ],
)
def test_what_cannot_be_quantized_is_one_line_and_leaves_no_file(
    small_file, tmp_path, arguments, status, message
):
    before = small_file.read_bytes()
    result = run("quantize", *arguments, cwd=tmp_path)
    assert result.returncode == status
    assert message in result.stderr.splitlines()[-1]
    assert "Traceback" not in result.stderr
    assert small_file.read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["in.gguf"]


@pytest.mark.model
@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_a_conversion_that_is_stopped_leaves_nothing_behind(model_path, tmp_path, sent):
    command = [sys.executable, "-m", "membound", "quantize", model_path, "out.gguf", "Q4_K"]
    with subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True) as process:
        while not any(tmp_path.iterdir()) and process.poll() is None:
            time.sleep(0.01)
        process.send_signal(sent)
        _, error = process.communicate(timeout=60)
    assert process.returncode == 130
    assert error == "\n"
    assert list(tmp_path.iterdir()) == []


def test_an_error_in_the_middle_does_not_share_the_line_of_the_bar(
    small_file, tmp_path, capsys, monkeypatch
):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)

    def fail(*_, progress):
        progress(Progress("a.weight", "F32", "Q4_K", 1, 2))
        raise ValueError("'b.weight': row 0 holds NaN")

    monkeypatch.setattr("membound.__main__.quantize_file", fail)
    assert main(["quantize", str(small_file), str(tmp_path / "out.gguf"), "Q4_K"]) == 1
    assert capsys.readouterr().err.splitlines()[-1] == "membound: 'b.weight': row 0 holds NaN"


def test_the_bar_says_how_far_it_is(capsys):
    draw_bar(Progress("a.weight", "F32", "Q4_K", 1, 2))
    draw_bar(Progress("b.weight", "F32", "F32", 2, 2))
    half, whole = capsys.readouterr().err.split("\r")[1:]
    assert half.startswith("[" + "#" * 15 + " " * 15 + "]  50% a.weight F32 -> Q4_K")
    assert whole.startswith("[" + "#" * 30 + "] 100% b.weight")
    assert whole.endswith("\n")


def test_a_number_too_large_for_a_float_is_one_line(capsys):
    assert main(["size", "llama-3.1-8b", "--concurrency", "9" * 400]) == 1
    assert "too large" in one_line(capsys)
