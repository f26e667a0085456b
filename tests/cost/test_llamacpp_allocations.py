"""What a llama-server really allocated for 18 models under the flags that a user would set."""

import json
import shlex
from dataclasses import replace

import pytest

from membound.cost import formulas
from membound.cost.inputs import model_inputs
from membound.cost.kv import KVPolicy
from membound.cost.spec import ModelSpec
from membound.cost.tables import find_model
from membound.units import MIB

NUMBERS = ("-c", "-np", "-b", "-ub")
WORDS = ("-ctk", "-ctv", "-fa")
PRINTED = 0.00501  # MiB to two decimals


def cases(data):
    return json.loads((data / "llamacpp-kv.json").read_text("utf-8"))["cases"]


def read_spec(name: str) -> ModelSpec:
    """A model of the table, or one of two that were made of it."""
    if name == "deepseek-v2-lite without MLA's keys":
        return replace(find_model("deepseek-v2-lite"), kv_lora_rank=0)
    if name == "gemma-3-1b as a gemma2":
        gemma = find_model("gemma-3-1b")
        return replace(gemma, architecture="gemma2", window=4096, num_window_layers=13)
    return find_model(name)


def read_flags(flags: str) -> tuple[KVPolicy, int, int]:
    """Policy, n_ctx and sequences; without -np the server takes 4 in one pool, -no-kvu or not."""
    words = iter(shlex.split(flags))
    given = {}
    for word in words:
        given[word] = next(words) if word in NUMBERS + WORDS else True
    policy = KVPolicy(
        "llama.cpp",
        key_type=given.get("-ctk", "f16"),
        value_type=given.get("-ctv", "f16"),
        unified="-kvu" in given or "-np" not in given,
        swa_full="--swa-full" in given,
        n_batch=int(given.get("-b", 2048)),
        n_ubatch=int(given.get("-ub", 512)),
    )
    return policy, int(given["-c"]), int(given.get("-np", 4))


def test_llama_server_allocated_as_many_mib_as_we_say_in_every_case(data):
    allocated = [case for case in cases(data) if "caches" in case]
    assert len(allocated) == 117
    for case in allocated:
        policy, n_ctx, sequences = read_flags(case["flags"])
        found = policy.llamacpp_bytes(read_spec(case["model"]), n_ctx, sequences) / MIB
        printed = [mib for cache in case["caches"] for mib in cache[3:]]
        rounding = PRINTED * len(printed)
        assert found == pytest.approx(sum(printed), rel=0, abs=rounding), case


def test_llama_server_had_as_many_cells_layers_and_streams_in_every_case(data):
    for case in cases(data):
        if "caches" not in case:
            continue
        policy, n_ctx, sequences = read_flags(case["flags"])
        spec = read_spec(case["model"])
        windowed = spec.num_window_layers if model_inputs(spec)["llamacpp_windows"] else 0
        n_ctx = n_ctx or spec.context_length
        split = (float(n_ctx), float(sequences), policy.unified)
        cells = formulas.llamacpp_cells(*split)
        kept = formulas.llamacpp_window_cells(
            *split, float(spec.window), float(policy.n_batch), float(policy.n_ubatch)
        )
        streams = 1 if policy.unified else sequences
        expected = [[cells, spec.num_layers - windowed, streams]]
        if windowed:
            expected.append([cells if policy.swa_full else kept, windowed, streams])
        assert expected == [cache[:3] for cache in case["caches"]], case


def test_what_llama_server_refused_is_refused_here_as_well(data):
    refused = [case for case in cases(data) if "refused" in case]
    assert len(refused) == 2
    for case in refused:
        policy, n_ctx, sequences = read_flags(case["flags"])
        with pytest.raises(ValueError, match=r"at most 256 sequences|in one type"):
            policy.llamacpp_bytes(read_spec(case["model"]), n_ctx, sequences)


@pytest.mark.parametrize(("n_ctx", "sequences"), [(-1, 1), (4096, 0)])
def test_a_negative_context_and_no_sequence_are_refused(n_ctx, sequences):
    with pytest.raises(ValueError, match=r"must be at least \d, got"):
        KVPolicy("llama.cpp").llamacpp_bytes(find_model("llama-3.2-1b"), n_ctx, sequences)
