import pytest

from membound.cost.spec import ModelSpec
from membound.cost.tables import find_model
from membound.model.config import ModelConfig

SMALL = {
    "name": "small", "architecture": "llama", "vocab_size": 10, "hidden_size": 8, "num_layers": 2,
    "num_heads": 2, "num_kv_heads": 1, "head_dim": 4, "intermediate_size": 16,
    "tied_embeddings": False, "context_length": 32,
}  # fmt: skip


def test_the_width_of_a_value_is_that_of_a_key_unless_said():
    assert ModelSpec(**SMALL).value_dim == 4
    assert ModelSpec(**SMALL, value_dim=6).value_dim == 6


def test_attention_has_the_name_that_its_heads_give_it():
    names = {"llama-2-7b": "MHA", "llama-3.1-8b": "GQA", "deepseek-v3": "MLA"}
    assert {name: find_model(name).attention_kind for name in names} == names
    assert ModelSpec(**SMALL).attention_kind == "MQA"


@pytest.mark.parametrize(
    ("changed", "rule"),
    [
        ({"architecture": "mamba"}, "architecture must be one of llama"),
        ({"num_layers": 0}, "num_layers must be positive, got 0"),
        ({"num_layers": 2.0}, "num_layers must be a whole number, got 2.0"),
        ({"window": -1}, "window must be positive, got -1"),
        ({"num_heads": 3, "num_kv_heads": 2}, "multiple of num_kv_heads, got 3 and 2"),
        ({"num_window_layers": 3, "window": 4}, "at most num_layers, 2: got 3"),
        ({"num_window_layers": 1}, "window must be positive where there are window layers"),
        ({"num_experts": 4, "expert_size": 8}, "experts_per_token must be from 1 to num_experts"),
        ({"num_experts": 4, "experts_per_token": 2}, "expert_size must be positive"),
        ({"kv_lora_rank": 4}, "rope_head_dim must be a part of head_dim, 4, in MLA: got 0"),
    ],
)
def test_sizes_that_cannot_be_are_refused(changed, rule):
    with pytest.raises(ValueError, match=rule):
        ModelSpec(**SMALL | changed)


def test_a_model_that_this_library_runs_can_be_sized():
    config = ModelConfig(
        vocab_size=49152, hidden_size=576, intermediate_size=1536, num_layers=30, num_heads=9,
        num_kv_heads=3, head_dim=64, context_length=8192,
    )  # fmt: skip
    spec = ModelSpec.from_model_config(config, "smollm2-135m", tied=True)
    known = find_model("smollm2-135m")
    skipped = ("source", "verified")
    assert {k: v for k, v in vars(spec).items() if k not in skipped} == {
        k: v for k, v in vars(known).items() if k not in skipped
    }
