"""The scaling book's numbers, a roofline drawn by hand, and the same work added up by kind."""

from dataclasses import replace

import pytest

from deployments import deployment
from membound.cost import formulas
from membound.cost.counts import decode_intensity, totals, work_by_kind
from membound.cost.speed import Speed
from membound.matmuls import Work


def test_the_scaling_book_s_prefill_of_8192_tokens_takes_0_91_s():
    # applied-inference.md: LLaMA 3 70B, 16 chips of 1.97e14 operations/s at 40 %
    flops = formulas.matmul_flops(70e9, 8192.0, 0.0, 1.0)
    assert formulas.compute_s(flops, 16 * 1.97e14, 0.4) == pytest.approx(0.91, abs=0.005)


def test_a_token_takes_two_operations_per_weight_that_it_meets():
    sizing = deployment(context=2, output_tokens=1)
    met = 8_030_261_248 - 128256 * 4096 - 65 * 4096  # all but the embedding and the norms
    attention = 32 * 2 * 32 * (128 + 128)  # layers, heads: one position, scores and sum
    assert Speed(sizing).prefill.flops == 2 * met + attention


def test_a_decode_step_reads_all_weights_but_the_embedding_and_every_request_s_cache():
    sizing = deployment(concurrency=5)
    read = 2 * (8_030_261_248 - 128256 * 4096) + 5 * 4096 * 131_072
    assert Speed(sizing).decode.nbytes == read
    assert Speed(sizing).tpot_s == read / (3.35e12 * 0.8)


def test_a_prompt_in_two_chunks_reads_the_weights_twice():
    once = Speed(deployment(context=4096, batched_tokens=4096))
    twice = Speed(deployment(context=4096, batched_tokens=2048))
    read = 2 * (8_030_261_248 - 128256 * 4096)
    assert twice.prefill.nbytes - once.prefill.nbytes == read


def test_decode_turns_from_memory_to_compute_where_the_roofline_has_its_ridge():
    # Without cache traffic: operations per byte = batch, so at 989e12 x 0.4 / (3.35e12 x 0.8).
    ridge = 989e12 * 0.4 / (3.35e12 * 0.8)
    sizing = deployment("llama-2-7b", context=2, output_tokens=1)
    below = Speed(replace(sizing, concurrency=int(ridge * 0.97)))
    above = Speed(replace(sizing, concurrency=int(ridge * 1.03)))
    assert (below.binds("decode"), above.binds("decode")) == ("memory", "compute")


def test_fp8_weights_are_multiplied_in_fp8_where_the_device_can():
    assert Speed(deployment(weights="fp8")).peak_flops_per_s == 1978e12
    assert Speed(deployment(weights="fp8", device="a100-80gb-sxm")).peak_flops_per_s == 312e12
    assert Speed(deployment(weights="int8", device="a100-80gb-sxm")).peak_flops_per_s == 624e12
    assert Speed(deployment(weights="Q8_0")).peak_flops_per_s == 989e12


def test_a_device_of_unknown_peak_is_timed_by_its_bytes():
    speed = Speed(deployment(device="m4-max"))
    assert speed.binds("prefill") == speed.binds("decode") == "memory"


def test_two_gpus_take_half_the_time_and_their_all_reduces():
    one, two = Speed(deployment()), Speed(deployment(tensor_parallel=2))
    all_reduces = 64 * (10e-6 + 4096 * 2 / 450e9)
    assert two.tpot_s == pytest.approx(one.tpot_s / 2 + all_reduces)


def test_one_request_decodes_as_fast_as_it_says_and_all_together_are_faster():
    one, many = Speed(deployment()), Speed(deployment(concurrency=32))
    assert one.decode_tokens_per_s == 1 / one.tpot_s
    assert many.decode_tokens_per_s > 10 * one.decode_tokens_per_s
    assert many.tpot_s > one.tpot_s


def test_answers_per_second_count_the_prefills_between_them():
    speed = Speed(deployment(concurrency=4, context=2000, output_tokens=100))
    # a round: four prefills one after another, then a hundred steps, makes four answers
    round_s = 4 * speed.ttft_s + 100 * speed.tpot_s
    assert speed.output_tokens_per_s == pytest.approx(400 / round_s)


def test_the_last_of_eight_prompts_waits_for_all():
    speed = Speed(deployment(concurrency=8))
    assert speed.last_ttft_s == 8 * speed.ttft_s


def test_efficiencies_divide_the_times():
    sizing = deployment()
    full = Speed(sizing, memory_efficiency=1.0, compute_efficiency=1.0)
    assert Speed(sizing).tpot_s == pytest.approx(full.tpot_s / 0.8)
    assert Speed(sizing).ttft_s == pytest.approx(full.ttft_s / 0.4)
    for wrong in (0, 1.1):
        with pytest.raises(ValueError, match="memory_efficiency must be above 0 and at most 1"):
            Speed(sizing, memory_efficiency=wrong)


@pytest.mark.parametrize(
    ("model", "weights"),
    [("llama-3.1-8b", "Q4_K_M"), ("gpt-oss-20b", "mxfp4"), ("deepseek-v3", "fp8"),
     ("gemma-3-27b", "bf16")],
)  # fmt: skip
def test_the_kinds_of_layers_add_up_to_the_whole(model, weights):
    sizing = deployment(model, weights, concurrency=8, output_tokens=96)
    speed, by = Speed(sizing), (sizing.spec, weights, sizing.policy)
    decode = totals(work_by_kind(*by, tokens=1, before=4095, num_sequences=8))
    prefill = totals(work_by_kind(*by, tokens=4000))
    for whole, parts in ((speed.decode, decode), (speed.prefill, prefill)):
        assert parts.flops == pytest.approx(whole.flops, rel=1e-12)
        assert parts.nbytes == pytest.approx(whole.nbytes, rel=1e-12)


def test_decode_attention_does_as_many_operations_per_byte_as_queries_share_a_key():
    sizing = deployment(concurrency=7)
    attention = work_by_kind(
        sizing.spec, "bf16", sizing.policy, tokens=1, before=999, num_sequences=7
    )["attention"]
    assert attention.intensity == decode_intensity(4.0, 2.0) == 4
    assert Work(6.0, 3.0).intensity == 2
