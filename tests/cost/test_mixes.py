"""What llama-quantize said of eleven models and fifteen mixes, and the table of its README."""

import json

import pytest

from membound.cost.mixes import mix_type, tensor_bytes
from membound.cost.tables import find_model
from membound.cost.tensors import Tensor, model_tensors

README = {  # tools/quantize/README.md of llama.cpp@0c1e57098, Llama-3.1-8B
    "IQ3_S": 3.6606, "IQ3_M": 3.7628, "IQ4_XS": 4.4597, "IQ4_NL": 4.6818, "Q2_K": 3.1593,
    "Q3_K_S": 3.6429, "Q3_K_M": 3.9960, "Q3_K_L": 4.2979, "Q4_K_S": 4.6672, "Q4_K_M": 4.8944,
    "Q5_K_S": 5.5704, "Q5_K_M": 5.7036, "Q6_K": 6.5633, "Q8_0": 8.5008, "F16": 16.0005,
}  # fmt: skip


def totals(name, mix):
    spec = find_model(name)
    weights = num_bytes = 0
    for tensor in model_tensors(spec):
        weights += tensor.num_weights
        num_bytes += tensor_bytes(tensor, mix_type(spec, tensor, mix))
    return num_bytes, 8 * num_bytes / weights


def test_all_165_cells_of_llama_quantize_are_met_to_their_last_digit(data):
    cells = json.loads((data / "llama_quantize_mixes.json").read_text())["mixes"]
    assert sum(len(row) for row in cells.values()) == 165
    for name, row in cells.items():
        for mix, (bits, gigabytes) in row.items():
            found_bytes, found_bits = totals(name, mix)
            assert found_bits == pytest.approx(bits, abs=0.00055), (name, mix)
            assert found_bytes / 1e9 == pytest.approx(gigabytes, abs=0.00055), (name, mix)


@pytest.mark.parametrize("mix", README)
def test_the_published_bits_per_weight_are_met_to_four_decimals(mix):
    assert totals("llama-3.1-8b", mix)[1] == pytest.approx(README[mix], abs=0.00005)


def test_a_q4_k_m_of_llama_3_1_8b_is_4685_30_mib():
    assert totals("llama-3.1-8b", "Q4_K_M")[0] / 2**20 == pytest.approx(4685.30, abs=0.005)


def test_as_many_tensors_fall_back_as_llama_quantize_counted():
    # "144 of 290", "180 of 272", "192 of 290": rows of 896, 576 and 960 are no whole 256-blocks
    for name, count in (("qwen2.5-0.5b", 144), ("smollm2-135m", 180), ("smollm2-360m", 192)):
        spec = find_model(name)
        uneven = [
            tensor for tensor in model_tensors(spec)
            if len(tensor.shape) > 1 and tensor.layer >= 0 and tensor.shape[-1] % 256
        ]  # fmt: skip
        assert len(uneven) == count
        assert all("_K" not in mix_type(spec, tensor, "Q2_K") for tensor in uneven)


def test_rows_that_no_block_divides_stay_in_16_bits():
    assert mix_type(find_model("llama-2-7b"), Tensor("blk.0.attn_q.weight", (4, 48)), "Q4_K_M") == (
        "F16"
    )


def test_experts_are_mxfp4_in_their_mix_and_the_rest_is_q8_0():
    spec = find_model("gpt-oss-20b")
    kinds = {tensor.name: mix_type(spec, tensor, "MXFP4_MOE") for tensor in model_tensors(spec)}
    assert kinds["blk.3.ffn_up_exps.weight"] == "MXFP4"
    assert kinds["blk.3.attn_q.weight"] == kinds["output.weight"] == "Q8_0"
    assert kinds["blk.3.ffn_gate_inp.weight"] == kinds["blk.3.attn_sinks.weight"] == "F32"


def test_an_unknown_mix_and_a_broken_block_are_refused():
    tensor = Tensor("blk.0.attn_q.weight", (4, 100))
    with pytest.raises(ValueError, match=r"mix must be one of F32.*got 'Q4_K'"):
        mix_type(find_model("llama-2-7b"), tensor, "Q4_K")
    with pytest.raises(ValueError, match="rows of Q8_0 must be whole blocks of 32, got 100"):
        tensor_bytes(tensor, "Q8_0")
