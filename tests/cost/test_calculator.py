"""The page and the command line put the same case; published figures hold what is said of it."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from membound.cost.calculator import estimate
from membound.cost.case import own_weights, refusal
from membound.cost.kv import KVPolicy
from membound.cost.options import CACHES, ENGINES, case, weight_formats
from membound.cost.sizing import Sizing
from membound.cost.speed import Speed
from membound.cost.tables import devices, find_device, find_model, models
from membound.cost.weights import model_weights, num_params
from membound.units import MIB


@st.composite
def deployments(draw):
    spec = draw(st.sampled_from(list(models().values())))
    engine = draw(st.sampled_from(list(ENGINES)))
    caches = [name for name in CACHES if engine == "exact" or (name == "fp8") == (engine == "vllm")]
    context = draw(st.integers(2, min(spec.context_length, 40_000)))
    return {
        "spec": spec,
        "weights": draw(st.sampled_from(weight_formats(spec))),
        "cache": "f16" if draw(st.booleans()) else draw(st.sampled_from(caches)),
        "device": draw(st.sampled_from(list(devices().values()))),
        "engine": engine,
        "context": context,
        "answer": draw(st.integers(1, context - 1)),
        "concurrency": draw(st.integers(1, 300)),
        "gpus": draw(st.sampled_from([1, 2, 4, 8])),
    }


def rows_are_no_blocks(spec, cache):
    """Which no engine would make: q8_0 and its kin, for heads that are no multiple of 32."""
    return cache[0] == "q" and any(width % 32 for width in (spec.head_dim, spec.value_dim))


@settings(max_examples=150)
@given(deployments())
def test_the_page_and_the_command_line_ask_the_same(deployment):
    d = dict(deployment)
    spec, weights, cache, device, engine = (
        d.pop(key) for key in ("spec", "weights", "cache", "device", "engine")
    )
    inputs = case(spec, weights, cache, device, engine, **{k: float(v) for k, v in d.items()})
    model = (spec, model_weights(spec, weights), device, KVPolicy(engine, cache, cache))
    load = (d["context"], d["concurrency"], d["answer"], d["gpus"])
    if refusal(inputs) or rows_are_no_blocks(spec, cache):
        with pytest.raises(ValueError, match="must"):
            Sizing(*model, *load)
        return
    asked = Speed(Sizing(*model, *load)).inputs
    assert asked == {name: inputs[name] for name in asked}
    assert inputs.keys() - asked.keys() == {"price_per_hour"}


def llama_3_1_8b(cache="f16", engine="exact", **others):
    spec = find_model("llama-3.1-8b")
    return case(spec, "bf16", cache, find_device("h100-sxm"), engine, **others)


def test_the_parts_add_up_to_the_total():
    memory = estimate(llama_3_1_8b())["memory"]
    parts = [memory[name] for name in ("weights", "cache", "activations", "reserve")]
    assert memory["total"] == pytest.approx(sum(parts), rel=1e-15)


def test_the_cache_of_131072_tokens_is_what_llama_cpp_printed():
    for cache, mib in (("f16", 16_384), ("q8_0", 8704)):
        inputs = llama_3_1_8b(cache, "llama.cpp", context=131_072.0, concurrency=1.0)
        assert estimate(inputs)["memory"]["cache"] == mib * MIB


def test_the_step_of_the_scaling_book():
    inputs = llama_3_1_8b() | {  # 30B int8, 4 requests of 819 MB, 16 chips of 8.1e11 B/s in one
        **own_weights(30e9, 0.0, 0.0, 0.0, 32_000.0, 6144.0, True, 8.0),
        "concurrency": 4.0,
        "context": 8192.0,
        "layers": 819e6 / 8192 / 4096,
        "bandwidth_gb_s": 16 * 810.0,
        "memory_percent": 100.0,
        "tflops": 0.0,
    }
    assert estimate(inputs)["decode"]["seconds"] == pytest.approx(2.5e-3, rel=0.03)


def test_what_fits_is_the_most_that_fits():
    inputs = llama_3_1_8b(engine="vllm")
    found = estimate(inputs)
    for name, most in (
        ("concurrency", found["largest_concurrency"]),
        ("context", found["longest_context"]),
    ):
        assert estimate(inputs | {name: most})["fits"]
        assert not estimate(inputs | {name: most + 1})["fits"]


def test_own_numbers_are_close_to_the_known_models():
    for name in ("llama-2-7b", "llama-3.1-70b", "mixtral-8x7b", "qwen2.5-0.5b"):
        spec = find_model(name)
        known = model_weights(spec, "bf16")
        ours = own_weights(
            float(num_params(spec)),
            known.expert_bytes / 2,
            float(spec.num_experts),
            float(spec.experts_per_token),
            float(spec.vocab_size),
            float(spec.hidden_size),
            spec.tied_embeddings,
            16.0,
        )
        assert ours["shared_bytes"] == pytest.approx(known.shared_bytes, rel=1e-3)
        assert ours["looked_up_bytes"] == known.looked_up_bytes
        assert ours["expert_bytes"] == known.expert_bytes
        assert ours["matmul_weights"] == pytest.approx(known.matmul_weights, rel=1e-2)
        assert ours["head_weights"] == known.head_weights


@pytest.mark.parametrize(
    ("changed", "change"),
    [
        ({"concurrency": 1.0}, "batch"),
        ({"concurrency": 40.0}, "cache"),
        ({"memory_gib": 20.9, "concurrency": 1.0}, "fewer-bits"),
        ({"memory_gib": 18.0}, "smaller-weights"),
        ({"memory_gib": 22.0}, "smaller-cache"),
        ({"compute_percent": 1.0, "concurrency": 40.0}, "compute"),
        ({"gpus": 4.0, "link_gb_s": 0.1}, "links"),
    ],
)
def test_the_advice_follows_what_binds(changed, change):
    found = estimate(llama_3_1_8b() | changed)
    assert found["change"] == change
    if change in ("batch", "cache", "fewer-bits"):
        assert found["changed_per_s"] > found["tokens_per_s"]


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"context": 131_073.0}, "context-limit"),
        ({"answer": 8192.0}, "answer"),
        ({"gpus": 64.0}, "heads"),
        ({"kv_heads": 6.0, "gpus": 4.0}, "kv-heads"),
        ({"engine": "llama.cpp", "gpus": 2.0}, "llama.cpp-gpus"),
        ({"engine": "llama.cpp", "concurrency": 257.0}, "llama.cpp-requests"),
        ({}, ""),
    ],
)
def test_a_case_without_an_answer_is_refused_with_its_reason(changed, code):
    assert refusal(llama_3_1_8b() | changed) == code
