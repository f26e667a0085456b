"""The calculator and `sizing` say the same of the same case; published figures hold both."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from membound.cost.answers import gpus_needed, largest_concurrency, longest_context
from membound.cost.calculator import estimate, own_weights, refusal
from membound.cost.kv import KVPolicy
from membound.cost.options import CACHES, ENGINES, WEIGHTS, case, weight_formats
from membound.cost.sizing import Sizing
from membound.cost.speed import Speed
from membound.cost.tables import devices, find_device, find_model, models
from membound.cost.weights import model_weights, num_params
from membound.units import GIB, MIB


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
        "concurrency": draw(st.integers(1, 300 if engine != "llama.cpp" else 200)),
        "gpus": draw(st.sampled_from([1, 2, 4, 8])),
    }


@settings(max_examples=150)
@given(deployments())
def test_the_calculator_and_sizing_agree(deployment):
    d = dict(deployment)
    spec, weights, cache, device, engine = (
        d.pop(key) for key in ("spec", "weights", "cache", "device", "engine")
    )
    inputs = case(spec, weights, cache, device, engine, **{k: float(v) for k, v in d.items()})
    try:
        sizing = Sizing(
            spec,
            model_weights(spec, weights),
            device,
            KVPolicy(engine, cache, cache),
            d["context"],
            d["concurrency"],
            d["answer"],
            tensor_parallel=d["gpus"],
        )
        sizing.kv_bytes  # noqa: B018  refuses heads that are no whole blocks
    except ValueError as refused:
        assert refusal(inputs) or "whole blocks" in str(refused)
        return
    assert refusal(inputs) == ""
    found = estimate(inputs)
    memory = {
        "weights": sizing.weight_bytes,
        "cache": sizing.kv_bytes,
        "activations": sizing.activation_bytes,
        "reserve": sizing.reserve_bytes,
        "total": sizing.total_bytes,
    }
    for name, size in memory.items():
        assert found["memory"][name] == pytest.approx(size, rel=1e-12), name
    sized = Speed(sizing)
    times = {"prefill": sized.ttft_s, "decode": sized.tpot_s}
    for name, seconds in times.items():
        assert found[name]["seconds"] == pytest.approx(seconds, rel=1e-12), name
    assert found["tokens_per_s"] == pytest.approx(sized.decode_tokens_per_s, rel=1e-12)
    assert found["sustained_per_s"] == pytest.approx(sized.output_tokens_per_s, rel=1e-12)
    assert found["fits"] == sizing.fits
    assert found["largest_concurrency"] == largest_concurrency(sizing)
    assert found["longest_context"] == longest_context(sizing)
    assert found["gpus_needed"] == (gpus_needed(sizing) or 0)
