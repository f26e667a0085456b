"""Each test is one sentence that `python -m membound size` says of itself."""

import json
import re

import pytest

from membound.__main__ import main

ASKED = [
    "size", "llama-3.1-8b", "--gpu", "h100-sxm", "--context", "8192", "--concurrency", "16",
    "--weights", "q4_k_m", "--kv", "fp8",
]  # fmt: skip


def found(capsys, *arguments):
    assert main([*arguments, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_every_line_of_the_breakdown_has_a_unit(capsys):
    assert main([*ASKED, "--price-per-hour", "2"]) == 0
    lines = capsys.readouterr().out.splitlines()
    rows = [line for line in lines if line.startswith("  ")]
    assert len(rows) == 17
    unit = r"\d (GiB|MiB|ms|s|tokens/s|tokens|requests|GPUs|per million tokens)( |$)"
    for row in rows:
        assert re.search(unit, row), row


def test_it_says_what_is_known_of_llama_3_1_8b(capsys):
    values = found(capsys, *ASKED)["found"]
    assert values["weights"]["value"] == pytest.approx(4685.30 * 2**20, rel=1e-5)
    assert values["KV cache"] == {"value": 8 * 2**30, "unit": "bytes"}  # 16 x 8192 x 64 KiB
    total = sum(values[part]["value"] for part in ("weights", "KV cache", "activations", "reserve"))
    assert values["total"]["value"] == total
    assert values["device"]["value"] == total + values["free"]["value"]


def test_what_does_not_fit_is_shown_and_refused_with_what_would(capsys):
    assert main(["size", "llama-3.1-70b"]) == 1
    output = capsys.readouterr()
    assert re.search(r"  missing +58\.\d GiB", output.out)
    assert re.fullmatch(
        r"membound: does not fit: needs .* would fit: 2 × h100-sxm, or weights in fp8\n", output.err
    )


@pytest.mark.parametrize(
    ("arguments", "nearest"),
    [(["llama3-8b"], "llama-3.1-8b"), (["llama-3.1-8b", "--gpu", "h100"], "h100-sxm")],
)
def test_a_wrong_name_gets_one_line_with_the_nearest(capsys, arguments, nearest):
    assert main(["size", *arguments]) == 1
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert nearest in error


def test_gpus_beyond_one_replica_make_more_of_them(capsys):
    one = found(capsys, *ASKED)
    two = found(capsys, *ASKED[:-6], "--concurrency", "32", *ASKED[-4:], "--gpus", "2",
                "--tensor-parallel", "1")  # fmt: skip
    assert two["replicas"] == 2
    assert two["concurrency"] == 32
    assert two["found"]["KV cache"] == one["found"]["KV cache"]
    rate = "all requests"
    assert two["found"][rate]["value"] == 2 * one["found"][rate]["value"]


def test_gpus_without_more_are_one_replica(capsys):
    assert found(capsys, *ASKED, "--gpus", "4")["tensor_parallel"] == 4


def test_keys_and_values_may_have_a_type_each(capsys):
    options = ("--engine", "llama.cpp", "--kv", "q8_0,q4_0")
    values = found(capsys, "size", "llama-3.1-8b", "--weights", "q4_0", *options)
    assert values["kv"] == ["q8_0", "q4_0"]
    assert values["found"]["KV cache"]["value"] == 8192 * 32 * 1024 * (34 + 18) / 32


@pytest.mark.model
def test_a_gguf_file_is_sized_by_its_header(capsys, model_path):
    values = found(capsys, "size", "--gguf", str(model_path), "--gpu", "desktop-ddr5")
    assert values["num_params"] == 134_515_008
    assert values["found"]["weights"]["value"] == 96_576_768
    assert values["found"]["TTFT"]["value"] is None  # nobody says how fast that desktop computes


def test_a_config_json_is_sized(capsys, tmp_path):
    config = {
        "model_type": "llama", "hidden_size": 4096, "intermediate_size": 11008,
        "max_position_embeddings": 4096, "num_attention_heads": 32, "num_hidden_layers": 32,
        "vocab_size": 32000,
    }  # fmt: skip
    (tmp_path / "config.json").write_text(json.dumps(config))
    values = found(capsys, "size", "--config", str(tmp_path / "config.json"))
    assert values["num_params"] == 6_738_415_616
    assert values["context"] == 4096


def test_the_list_names_models_devices_and_their_sources(capsys):
    assert main(["size", "--list"]) == 0
    listed = capsys.readouterr().out
    assert re.search(r"deepseek-v3 +671\.03 B  MLA   AIC", listed)
    assert re.search(r"m3-ultra .* unknown \? ", listed)


@pytest.mark.parametrize(
    ("arguments", "rule"),
    [
        ([], "name one model"),
        (["llama-3.1-8b", "--config", "x"], "name one model"),
        (["--gguf", "x", "--weights", "q4_0"], "a GGUF file has the weights that it has"),
        (["llama-3.1-8b", "--price-per-hour", "0"], "--price-per-hour must be positive, got 0.0"),
    ],
)
def test_arguments_that_make_no_sense_are_two(capsys, arguments, rule):
    with pytest.raises(SystemExit) as stopped:
        main(["size", *arguments])
    assert stopped.value.code == 2
    assert rule in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "rule"),
    [
        (["--context", "200000"], "at most the 131072 of llama-3.1-8b, got 200000"),
        (["--concurrency", "0"], "concurrency must be at least 1, got 0"),
        (["--context", "0"], "context must be at least 1, got 0"),
        (["--output", "0"], "got 0"),
        (["--gpus", "3", "--tensor-parallel", "2"], "gpus must be a multiple of the 2"),
        (["--gpus", "0"], "at least 1, got 0"),
        (["--weights", "q4"], "weights must be one of"),
        (["--kv", "q9"], "a KV cache of exact must be one of"),
        (["--memory-efficiency", "2"], "memory_efficiency must be above 0 and at most 1, got 2.0"),
    ],
)
def test_what_cannot_be_is_one_line_and_no_traceback(capsys, arguments, rule):
    assert main(["size", "llama-3.1-8b", *arguments]) == 1
    error = capsys.readouterr().err
    assert rule in error
    assert error.startswith("membound: ")
    assert error.count("\n") == 1


def test_a_file_that_is_not_there_is_one_line(capsys):
    assert main(["size", "--config", "/nowhere/config.json"]) == 1
    assert capsys.readouterr().err == "membound: /nowhere/config.json: No such file or directory\n"


def test_a_model_that_takes_more_gpus_than_can_share_it_says_so(capsys):
    assert (
        main(["size", "qwen2.5-7b", "--gpu", "t4", "--weights", "f32", "--concurrency", "99"]) == 1
    )
    assert re.search("GPUs needed +none   no number up to 64 holds it", capsys.readouterr().out)
    assert main(["size", "llama-3.1-70b", "--engine", "llama.cpp"]) == 1
    assert "none   more than one; llama.cpp shares out layers" in capsys.readouterr().out


def test_a_short_context_is_half_an_answer(capsys):
    assert found(capsys, "size", "llama-3.1-8b", "--context", "100")["output"] == 50
