from dataclasses import replace

import pytest

from deployments import deployment
from membound.units import GIB, MIB


def test_a_device_s_memory_is_shared_out_without_rest():
    sizing = deployment(concurrency=8)
    parts = (sizing.weight_bytes, sizing.kv_bytes, sizing.activation_bytes, sizing.reserve_bytes)
    assert sizing.total_bytes == sum(parts)
    assert sizing.total_bytes + sizing.free_bytes == sizing.device.memory_bytes


def test_8_requests_of_4096_tokens_of_llama_3_1_8b_are_16_gb_of_weights_and_4_gib_of_cache():
    sizing = deployment(concurrency=8)
    assert sizing.weight_bytes == 2 * 8_030_261_248
    assert sizing.kv_bytes == 4 * GIB


def test_it_fits_exactly_as_long_as_nothing_is_missing():
    sizing = deployment()
    spare = sizing.reserve_bytes + sizing.free_bytes
    assert replace(sizing, reserve=spare).fits
    assert not replace(sizing, reserve=spare + 1).fits


def test_two_gpus_hold_half_of_the_weights_and_kv_heads_each():
    one, two = deployment(), deployment(tensor_parallel=2)
    assert two.weight_bytes == one.weight_bytes / 2
    assert two.kv_bytes == one.kv_bytes / 2
    assert two.reserve_bytes == one.reserve_bytes + 342 * MIB


def test_sixteen_gpus_copy_the_eight_kv_heads():
    assert deployment(tensor_parallel=16).kv_bytes == deployment(tensor_parallel=8).kv_bytes


def test_each_engine_leaves_what_its_own_setting_says():
    memory = deployment().device.memory_bytes
    assert deployment().reserve_bytes == 3.5 * GIB
    assert deployment(engine="vllm").reserve_bytes == pytest.approx(0.08 * memory)
    assert deployment(engine="llama.cpp").reserve_bytes == 1 * GIB
    assert deployment(reserve=5.0).reserve_bytes == 5


def test_the_largest_pass_is_a_chunk_and_logits_of_all_requests():
    sizing = deployment(concurrency=3, engine="llama.cpp", n_ubatch=64)
    assert sizing.activation_bytes == 64 * 2 * (2 * 4096 + 2 * 14336) + 3 * 128256 * 4
    experts = deployment("mixtral-8x7b", context=100, output_tokens=1)
    assert experts.activation_bytes == 100 * 2 * (2 * 4096 + 2 * 2 * 14336) + 32000 * 4


@pytest.mark.parametrize(
    ("changed", "rule"),
    [
        ({"context": 0}, "context must be at least 1, got 0"),
        ({"concurrency": 0}, "concurrency must be at least 1, got 0"),
        ({"context": 200_000}, "at most the 131072 of llama-3.1-8b, got 200000"),
        ({"context": 100, "output_tokens": 100}, "at most 99 would, got 100"),
        ({"output_tokens": 0}, "got 0"),
        ({"tensor_parallel": 3}, "must divide the 32 heads of llama-3.1-8b, got 3"),
        ({"tensor_parallel": 2, "engine": "llama.cpp"}, "must be 1 with llama.cpp"),
        ({"concurrency": 257, "engine": "llama.cpp"}, "at most 256 with llama.cpp, got 257"),
        ({"reserve": -1.0}, "reserve must be from 0 to the 8.*, got -1"),
    ],
)
def test_what_cannot_be_asked_is_refused(changed, rule):
    with pytest.raises(ValueError, match=rule):
        deployment(**changed)


def test_a_tensor_parallelism_that_splits_kv_heads_unevenly_is_refused():
    with pytest.raises(ValueError, match=r"divide the 4 KV heads of qwen2.5-7b or be a multiple"):
        deployment("qwen2.5-7b", tensor_parallel=7)
