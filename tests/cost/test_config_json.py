"""The published config.json of models, cut to the keys that matter here."""

import json

import pytest

from membound.cost.config_json import config_spec, read_config_json
from membound.cost.tables import find_model
from membound.cost.weights import num_params

LLAMA = {
    "model_type": "llama", "hidden_size": 4096, "intermediate_size": 14336,
    "max_position_embeddings": 131072, "num_attention_heads": 32, "num_hidden_layers": 32,
    "num_key_value_heads": 8, "tie_word_embeddings": False, "vocab_size": 128256,
}  # fmt: skip
QWEN3_MOE = {
    "model_type": "qwen3_moe", "decoder_sparse_step": 1, "head_dim": 128, "hidden_size": 2048,
    "intermediate_size": 6144, "max_position_embeddings": 40960, "max_window_layers": 48,
    "mlp_only_layers": [], "moe_intermediate_size": 768, "num_attention_heads": 32,
    "num_experts": 128, "num_experts_per_tok": 8, "num_hidden_layers": 48,
    "num_key_value_heads": 4, "sliding_window": None, "tie_word_embeddings": False,
    "use_sliding_window": False, "vocab_size": 151936,
}  # fmt: skip
MIXTRAL = LLAMA | {
    "model_type": "mixtral", "max_position_embeddings": 32768, "num_local_experts": 8,
    "num_experts_per_tok": 2, "sliding_window": None, "vocab_size": 32000,
}  # fmt: skip
DEEPSEEK_V3 = {
    "model_type": "deepseek_v3", "first_k_dense_replace": 3, "hidden_size": 7168,
    "intermediate_size": 18432, "kv_lora_rank": 512, "max_position_embeddings": 163840,
    "moe_intermediate_size": 2048, "moe_layer_freq": 1, "n_routed_experts": 256,
    "n_shared_experts": 1, "num_attention_heads": 128, "num_experts_per_tok": 8,
    "num_hidden_layers": 61, "num_key_value_heads": 128, "num_nextn_predict_layers": 1,
    "q_lora_rank": 1536, "qk_nope_head_dim": 128, "qk_rope_head_dim": 64,
    "tie_word_embeddings": False, "topk_method": "noaux_tc", "v_head_dim": 128,
    "vocab_size": 129280,
}  # fmt: skip
GPT_OSS = {
    "model_type": "gpt_oss", "experts_per_token": 4, "head_dim": 64, "hidden_size": 2880,
    "intermediate_size": 2880, "layer_types": ["sliding_attention", "full_attention"] * 12,
    "max_position_embeddings": 131072, "num_attention_heads": 64, "num_experts_per_tok": 4,
    "num_hidden_layers": 24, "num_key_value_heads": 8, "num_local_experts": 32,
    "sliding_window": 128, "tie_word_embeddings": False, "vocab_size": 201088,
}  # fmt: skip
MISTRAL = LLAMA | {
    "model_type": "mistral", "max_position_embeddings": 32768, "sliding_window": 4096,
    "vocab_size": 32000,
}  # fmt: skip
GEMMA_3_4B = {
    "model_type": "gemma3",
    "text_config": {
        "hidden_size": 2560, "intermediate_size": 10240, "model_type": "gemma3_text",
        "num_hidden_layers": 34, "sliding_window": 1024, "vocab_size": 262144,
    },
}  # fmt: skip


def shapes(spec):
    return {k: v for k, v in vars(spec).items() if k not in ("name", "source", "verified")}


@pytest.mark.parametrize(
    ("name", "config"),
    [
        ("llama-3.1-8b", LLAMA), ("qwen3-30b-a3b", QWEN3_MOE), ("mixtral-8x7b", MIXTRAL),
        ("deepseek-v3", DEEPSEEK_V3), ("gpt-oss-20b", GPT_OSS), ("mistral-7b-v0.1", MISTRAL),
        ("gemma-3-4b", GEMMA_3_4B),
    ],
)  # fmt: skip
def test_a_config_gives_the_shapes_of_the_table(name, config):
    assert shapes(config_spec(config, name)) == shapes(find_model(name))


def test_head_dim_is_its_own_key_and_hidden_over_heads_only_where_there_is_none():
    assert config_spec(LLAMA, "m").head_dim == 4096 // 32
    assert config_spec(LLAMA | {"head_dim": 64}, "m").head_dim == 64
    assert config_spec(LLAMA | {"head_dim": None}, "m").head_dim == 128
    qwen3 = LLAMA | {"model_type": "qwen3", "hidden_size": 1024, "num_attention_heads": 16}
    assert config_spec(qwen3, "m").head_dim == 128  # its class says so; 1024 / 16 is 64


def test_a_llama_without_kv_heads_has_as_many_as_heads():
    without = {key: value for key, value in LLAMA.items() if key != "num_key_value_heads"}
    assert config_spec(without, "m").attention_kind == "MHA"


def test_null_switches_a_mistral_s_window_off():
    assert config_spec(MISTRAL | {"sliding_window": None}, "m").num_window_layers == 0


def test_qwen_slides_from_max_window_layers_on_and_only_if_told_to():
    qwen = LLAMA | {"model_type": "qwen2", "sliding_window": 4096, "max_window_layers": 20}
    assert config_spec(qwen, "m").num_window_layers == 0
    assert config_spec(qwen | {"use_sliding_window": True}, "m").num_window_layers == 12


def test_gemma_s_pattern_stands_in_for_layer_types():
    text = GEMMA_3_4B["text_config"] | {"sliding_window_pattern": 2}
    assert config_spec(text, "m").num_window_layers == 17
    assert config_spec(GEMMA_3_4B, "m").num_window_layers == 29  # every 6th of 34 is full


def test_gemma_2_has_other_norms_and_every_second_layer_full():
    config = {
        "model_type": "gemma2", "hidden_size": 2304, "intermediate_size": 9216,
        "max_position_embeddings": 8192, "num_attention_heads": 8, "num_hidden_layers": 26,
    }  # fmt: skip
    spec = config_spec(config, "gemma-2-2b")
    assert num_params(spec) == 2_614_341_888  # as published
    assert (spec.num_window_layers, spec.window) == (13, 4096)


def test_a_deepseek_that_does_not_compress_its_queries_says_null():
    spec = config_spec(DEEPSEEK_V3 | {"q_lora_rank": None}, "m")
    assert spec.q_lora_rank == 0
    assert spec.is_mla


def test_a_file_is_read_by_its_folder_s_name(tmp_path):
    path = tmp_path / "my-model" / "config.json"
    path.parent.mkdir()
    path.write_text(json.dumps(LLAMA))
    spec = read_config_json(path)
    assert (spec.name, spec.source) == ("my-model", str(path))


@pytest.mark.parametrize("text", ["{", "[]", '"x"', "[" * 10**5])
def test_a_file_that_holds_no_object_is_refused(tmp_path, text):
    (tmp_path / "config.json").write_text(text)
    with pytest.raises(ValueError, match=r"config\.json (is not JSON|must hold one JSON object)"):
        read_config_json(tmp_path / "config.json")


@pytest.mark.parametrize(
    ("changed", "rule"),
    [
        ({"model_type": "mamba2"}, "model_type must be one of llama.*got 'mamba2'"),
        ({"model_type": None}, "model_type must be one of llama.*got None"),
        ({"vocab_size": None}, "vocab_size must be a whole number from 1, got None"),
        ({"num_hidden_layers": "32"}, "num_hidden_layers must be a whole number from 1, got '32'"),
        ({"hidden_size": True}, "hidden_size must be a whole number from 1, got True"),
        ({"layer_types": ["full_attention"]}, "must name 32 layers.*got 1"),
        ({"layer_types": ["linear_attention"] * 32}, "known here: got 'linear_attention'"),
        ({"layer_types": [None] * 32}, "known here: got None"),
        ({"layer_types": 5}, "must name 32 layers.*got 5"),
        ({"model_type": ["llama"]}, r"model_type must be one of llama.*got \['llama'\]"),
        ({"num_hidden_layers": 2**31}, "num_layers must be at most 10000"),
        ({"vocab_size": "\n" * 999}, "vocab_size must be a whole number from 1, got .{,99}$"),
    ],
)
def test_what_is_not_known_is_refused(changed, rule):
    with pytest.raises(ValueError, match=rule):
        config_spec(LLAMA | changed, "m")


@pytest.mark.parametrize("key", ["decoder_sparse_step", "mlp_only_layers", "moe_layer_freq"])
def test_experts_in_some_layers_only_are_refused(key):
    with pytest.raises(ValueError, match=key):
        config_spec(QWEN3_MOE | {key: [3] if key == "mlp_only_layers" else 2}, "m")
