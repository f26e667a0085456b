"""Brute force: one more never fits, and what a refusal offers does."""

import re
from dataclasses import replace

import pytest

from deployments import deployment
from membound.cost.answers import gpus_needed, largest_concurrency, longest_context, require_fit
from membound.cost.kv import KVPolicy
from membound.cost.weights import model_weights

CASES = [
    {"device": "l4", "context": 2048},
    {"device": "rtx-4090", "context": 1024, "engine": "vllm"},
    {"device": "rtx-4090", "context": 1024, "engine": "llama.cpp", "unified": True},
    {"model": "gpt-oss-20b", "weights": "mxfp4", "device": "rtx-4090", "concurrency": 4},
    {"model": "gemma-3-27b", "weights": "q4_k_m", "device": "rtx-4090", "concurrency": 2},
]


@pytest.mark.parametrize("case", CASES)
def test_one_request_more_than_the_most_does_not_fit(case):
    sizing = deployment(**case)
    most = largest_concurrency(sizing)
    assert most > 0
    assert replace(sizing, concurrency=most).fits
    if sizing.policy.engine != "llama.cpp" or most < 256:
        assert not replace(sizing, concurrency=most + 1).fits


@pytest.mark.parametrize("case", CASES)
def test_one_token_more_than_the_longest_context_does_not_fit(case):
    sizing = deployment(**case)
    longest = longest_context(sizing)
    assert longest > sizing.output_tokens
    assert replace(sizing, context=longest).fits
    if longest < sizing.spec.context_length:
        assert not replace(sizing, context=longest + 1).fits


def test_without_windows_what_fits_is_the_room_by_the_size_of_one():
    sizing = deployment(concurrency=8, batched_tokens=512)
    room = sizing.kv_bytes + sizing.free_bytes
    assert longest_context(sizing) == min(131_072, room // (8 * 131_072))
    logits = 128256 * 4  # a request brings its logits with it
    assert largest_concurrency(sizing) == (room + 8 * logits) // (4096 * 131_072 + logits)


def test_one_gpu_fewer_than_needed_does_not_fit():
    sizing = deployment("llama-3.1-70b", concurrency=32)
    assert gpus_needed(sizing) == 4
    assert replace(sizing, tensor_parallel=4).fits
    assert not replace(sizing, tensor_parallel=2).fits
    assert gpus_needed(deployment()) == 1


def test_a_model_that_no_number_of_gpus_holds_needs_none_of_them():
    assert gpus_needed(deployment("smollm2-135m", device="t4", reserve=16.1e9)) is None
    big = deployment("qwen2.5-7b", "f32", device="t4", context=32768, concurrency=999)
    assert gpus_needed(big) is None  # 28 heads are shared by at most 4


def test_what_fits_is_not_refused():
    require_fit(deployment())


def test_a_refusal_says_what_is_needed_and_what_would_fit():
    sizing = deployment("llama-3.1-70b", context=8192, concurrency=2)
    with pytest.raises(ValueError, match=r"does not fit: needs 141 GiB of the 79\.6 GiB") as caught:
        require_fit(sizing)
    message = str(caught.value)
    assert "would fit: 2 × h100-sxm, or weights in fp8" in message
    assert replace(sizing, tensor_parallel=2).fits
    assert replace(sizing, weights=model_weights(sizing.spec, "fp8")).fits


@pytest.mark.parametrize(
    ("engine", "offered"), [("exact", "fp8"), ("vllm", "fp8"), ("llama.cpp", "q8_0")]
)
def test_a_refusal_offers_formats_that_the_engine_reads(engine, offered):
    sizing = deployment("llama-3.1-70b", engine=engine)
    with pytest.raises(ValueError, match=f"weights in {offered}"):
        require_fit(sizing)


def test_every_offer_of_a_refusal_fits():
    sizing = deployment(device="l4", context=8192, concurrency=8)
    with pytest.raises(ValueError, match="would fit") as caught:
        require_fit(sizing)
    message = str(caught.value)
    kind = re.search(r"a KV cache in (\w+)", message)[1]
    assert replace(sizing, policy=KVPolicy("exact", kind, kind)).fits
    most = int(re.search(r"at most (\d+) at once", message)[1])
    assert replace(sizing, concurrency=most).fits
    longest = int(re.search(r"a context of at most (\d+)", message)[1])
    assert replace(sizing, context=longest).fits


def test_a_hopeless_case_is_told_so():
    sizing = deployment("llama-3.1-405b", "q2_k", device="t4", engine="llama.cpp")
    with pytest.raises(ValueError, match="would fit: nothing of this model on this device"):
        require_fit(sizing)
