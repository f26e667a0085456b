"""The shapes add up to the totals that were published for each model."""

import pytest

from membound.cost.tables import find_model
from membound.cost.tensors import Tensor, model_tensors
from membound.gguf.reader import read_gguf

PUBLISHED = {
    "llama-2-7b": 6_738_415_616,
    "llama-2-13b": 13_015_864_320,
    "llama-3.1-8b": 8_030_261_248,
    "llama-3.1-70b": 70_553_706_496,
    "mistral-7b-v0.1": 7_241_732_096,
    "mixtral-8x7b": 46_702_792_704,
    "qwen2.5-0.5b": 494_032_768,
    "qwen2.5-7b": 7_615_616_512,
    "qwen3-8b": 8_190_735_360,
    "qwen3-30b-a3b": 30_532_122_624,
    "gemma-3-4b": 3_880_099_328,
    "gemma-3-12b": 11_765_788_416,
    "gemma-3-27b": 27_009_002_240,
    "deepseek-v2-lite": 15_706_484_224,
    "deepseek-v3": 671_026_419_200,
    "gpt-oss-20b": 20_914_757_184,
    "gpt-oss-120b": 116_829_156_672,
    "llama-3.2-1b": 1_235_814_400,
    "llama-3.2-3b": 3_212_749_824,
    "qwen2.5-1.5b": 1_543_714_304,
    "qwen2.5-14b": 14_770_033_664,
    "qwen2.5-32b": 32_763_876_352,
    "qwen2.5-72b": 72_706_203_648,
    "gemma-3-1b": 999_885_952,
    "smollm2-1.7b": 1_711_376_384,
    "smollm2-135m": 134_515_008,
    "smollm2-360m": 361_821_120,
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_the_tensors_add_up_to_the_published_parameters(name):
    tensors = model_tensors(find_model(name))
    assert sum(tensor.num_weights for tensor in tensors) == PUBLISHED[name]


def test_a_tensor_knows_its_layer_and_whether_it_is_routed():
    assert Tensor("blk.12.ffn_up_exps.weight", (2, 3)).layer == 12
    assert Tensor("blk.12.ffn_up_exps.weight", (2, 3)).is_routed
    assert Tensor("output.weight", (2, 3)).layer == -1
    assert not Tensor("blk.1.ffn_up_shexp.weight", (2, 3)).is_routed


@pytest.mark.model
def test_the_real_file_has_these_tensors_and_no_others(model_path):
    with read_gguf(model_path) as file:
        there = {name: info.shape for name, info in file.tensors.items()}
    assert dict(model_tensors(find_model("smollm2-135m"))) == there
