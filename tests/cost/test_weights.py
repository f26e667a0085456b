import pytest

from membound.cost.tables import find_model
from membound.cost.weights import FORMATS, model_weights, sized_tensors, sum_weights


def test_16_bit_weights_are_two_bytes_for_each_parameter():
    weights = model_weights(find_model("llama-3.1-8b"), "bf16")
    assert weights.total_bytes == 2 * 8_030_261_248
    assert weights.bits_per_weight == 16


def test_an_mxfp4_checkpoint_of_gpt_oss_20b_is_as_long_as_the_published_one():
    # "total_size" in the published model.safetensors.index.json
    assert model_weights(find_model("gpt-oss-20b"), "mxfp4").total_bytes == 13_761_264_768


@pytest.mark.parametrize(
    ("name", "billions", "digits"),
    # DeepSeek-V3 "37B activated", Mixtral "12.9B", Qwen3-30B-A3B "3.3B", -235B-A22B "22B";
    # gpt-oss counts neither its embedding, hence "3.61B" and "5.13B" there
    [
        ("deepseek-v3", 37, 0), ("mixtral-8x7b", 12.9, 1), ("qwen3-30b-a3b", 3.3, 1),
        ("qwen3-235b-a22b", 22, 0), ("deepseek-v2", 21, 0), ("mixtral-8x22b", 39, 0),
        ("qwen3-coder-480b-a35b", 35, 0),
    ],
)  # fmt: skip
def test_a_token_uses_as_many_parameters_as_published(name, billions, digits):
    active = model_weights(find_model(name), "bf16").active_params / 1e9
    assert active == pytest.approx(billions, abs=0.6 * 10**-digits)


@pytest.mark.parametrize(("name", "billions"), [("gpt-oss-20b", 3.61), ("gpt-oss-120b", 5.13)])
def test_gpt_oss_s_active_parameters_leave_out_the_embedding(name, billions):
    spec = find_model(name)
    embedding = spec.vocab_size * spec.hidden_size
    active = model_weights(spec, "bf16").active_params - embedding
    assert active / 1e9 == pytest.approx(billions, abs=0.005)


def test_a_tied_embedding_is_read_by_every_pass_and_an_untied_one_is_not():
    tied = model_weights(find_model("smollm2-135m"), "bf16")
    assert tied.looked_up_bytes == 0
    assert tied.head_weights == 49152 * 576
    untied = model_weights(find_model("llama-3.1-8b"), "bf16")
    assert untied.looked_up_bytes == 2 * 128256 * 4096
    assert untied.shared_bytes == untied.total_bytes - untied.looked_up_bytes


def test_the_matrices_of_a_dense_model_are_all_but_embeddings_and_norms():
    weights = model_weights(find_model("llama-3.1-8b"), "bf16")
    norms = 65 * 4096
    assert weights.matmul_weights == 8_030_261_248 - 2 * 128256 * 4096 - norms


def test_8_bit_checkpoints_keep_embeddings_and_norms_in_16():
    spec = find_model("llama-3.1-8b")
    weights = model_weights(spec, "fp8")
    assert weights.total_bytes == weights.matmul_weights + 2 * (
        8_030_261_248 - weights.matmul_weights
    )


def test_every_format_sizes_every_tensor_of_a_mixture_of_experts():
    spec = find_model("gpt-oss-20b")
    for name in FORMATS:
        weights = model_weights(spec, name.lower())
        assert weights.format == name
        assert 0 < weights.expert_bytes < weights.total_bytes


def test_bytes_may_come_from_elsewhere():
    spec = find_model("smollm2-135m")
    doubled = ((tensor, 2 * size) for tensor, size in sized_tensors(spec, "Q4_0"))
    assert sum_weights(spec, doubled, "x", "y").total_bytes == (
        2 * model_weights(spec, "Q4_0").total_bytes
    )


def test_unknown_and_unfit_formats_are_refused():
    with pytest.raises(ValueError, match=r"weights must be one of f32, bf16.*got 'q4'"):
        model_weights(find_model("llama-2-7b"), "q4")
    with pytest.raises(ValueError, match="this model has none: bf16 would fit"):
        model_weights(find_model("llama-2-7b"), "mxfp4")
