"""A `ModelSpec` from a Hugging Face `config.json`.

A key that the file leaves out has the default of its class: configuration_*.py in transformers
5.23.0. `head_dim` is a key of its own there, and hidden_size / num_attention_heads only where
neither file nor class has one.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from membound.cost.spec import ModelSpec
from membound.quoted import quote, whole

# model_type: the architecture in GGUF's names, and what the class fills in.
FAMILIES = MappingProxyType(
    {
        "llama": ("llama", {}),
        "mistral": ("llama", {"num_key_value_heads": 8, "sliding_window": 4096}),
        "mixtral": (
            "llama",
            {"num_key_value_heads": 8, "num_local_experts": 8, "num_experts_per_tok": 2},
        ),
        "qwen2": ("qwen2", {"num_key_value_heads": 32, "sliding_window": 4096}),
        "qwen3": ("qwen3", {"num_key_value_heads": 32, "head_dim": 128, "sliding_window": 4096}),
        "qwen3_moe": ("qwen3moe", {"num_key_value_heads": 4, "sliding_window": 4096}),
        "gemma3_text": (
            "gemma3",
            {
                "vocab_size": 262208,
                "hidden_size": 2304,
                "intermediate_size": 9216,
                "num_hidden_layers": 26,
                "num_attention_heads": 8,
                "num_key_value_heads": 4,
                "head_dim": 256,
                "sliding_window": 4096,
                "max_position_embeddings": 131072,
                "tie_word_embeddings": True,
            },
        ),
        "gemma2": (
            "gemma2",
            {
                "vocab_size": 256000,
                "head_dim": 256,
                "num_key_value_heads": 4,
                "sliding_window": 4096,
                "tie_word_embeddings": True,
            },
        ),
        "deepseek_v2": ("deepseek2", {"qk_nope_head_dim": 128, "qk_rope_head_dim": 64}),
        "deepseek_v3": ("deepseek2", {"qk_nope_head_dim": 128, "qk_rope_head_dim": 64}),
        "gpt_oss": (
            "gpt-oss",
            {"num_key_value_heads": 8, "head_dim": 64, "sliding_window": 128},
        ),
    }
)

# The text part of a model that also sees has the layers of another family.
SAME_LAYERS = MappingProxyType(
    {"qwen3_vl_text": "qwen3", "qwen3_vl_moe_text": "qwen3_moe", "kimi_k2": "deepseek_v3"}
)


def read_config_json(path: Path) -> ModelSpec:
    """The shapes in a config.json; a file that is not one raises `ValueError`."""
    try:
        config = json.loads(path.read_text("utf-8"))
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
        raise ValueError(f"{path} is not JSON: {error}") from None
    if not isinstance(config, dict):
        raise ValueError(f"{path} must hold one JSON object, got {type(config).__name__}")
    return config_spec(config, path.parent.name or path.stem, source=str(path))


def config_spec(config: Mapping[str, Any], name: str, source: str = "config.json") -> ModelSpec:
    """The shapes that a config fixes; those of its text model where it has several."""
    text = config.get("text_config")
    if isinstance(text, Mapping):  # of a model that also sees
        outer = {key: config[key] for key in ("tie_word_embeddings",) if key in config}
        config = outer | dict(text)
    kind = config.get("model_type")
    kind = SAME_LAYERS.get(kind, kind) if isinstance(kind, str) else quote(kind)
    if kind not in FAMILIES:
        raise ValueError(
            f"model_type must be one of {', '.join(FAMILIES)}, whose layers are known here; got "
            f"{quote(config.get('model_type'))}"
        )
    architecture, defaults = FAMILIES[kind]
    keys = defaults | {key: value for key, value in config.items() if value is not None}
    if config.get("sliding_window", 0) is None:
        keys.pop("sliding_window", None)  # null switches it off; no key leaves the default
    num_heads, hidden = whole(keys, "num_attention_heads"), whole(keys, "hidden_size")
    fields = {
        "name": name,
        "architecture": architecture,
        "vocab_size": whole(keys, "vocab_size"),
        "hidden_size": hidden,
        "num_layers": whole(keys, "num_hidden_layers"),
        "num_heads": num_heads,
        "num_kv_heads": whole(keys, "num_key_value_heads", num_heads),
        "intermediate_size": whole(keys, "intermediate_size"),
        "tied_embeddings": bool(keys.get("tie_word_embeddings", False)),
        "context_length": whole(keys, "max_position_embeddings"),
        "source": source,
    }
    fields |= _latent(keys) if architecture == "deepseek2" else _heads(keys, hidden, num_heads)
    fields |= _windows(keys, kind) | _experts(keys)
    return ModelSpec(**fields)


def _heads(keys: Mapping[str, Any], hidden: int, num_heads: int) -> dict[str, int]:
    return {"head_dim": whole(keys, "head_dim", hidden // num_heads)}


def _latent(keys: Mapping[str, Any]) -> dict[str, int]:
    rope = whole(keys, "qk_rope_head_dim")
    return {
        "num_kv_heads": whole(keys, "num_attention_heads"),
        "head_dim": whole(keys, "qk_nope_head_dim") + rope,
        "value_dim": whole(keys, "v_head_dim", 128),
        "rope_head_dim": rope,
        "kv_lora_rank": whole(keys, "kv_lora_rank", 512),
        # null is a real answer here: queries are not compressed then
        "q_lora_rank": whole(keys, "q_lora_rank") if "q_lora_rank" in keys else 0,
    }


def _windows(keys: Mapping[str, Any], kind: str) -> dict[str, int]:
    """How many layers slide: by `layer_types`, else by the rule of the class."""
    num_layers, window = whole(keys, "num_hidden_layers"), keys.get("sliding_window", 0)
    types = keys.get("layer_types")
    if types is not None:
        if not isinstance(types, list) or len(types) != num_layers:
            raise ValueError(
                f"layer_types must name {num_layers} layers, as num_hidden_layers says: got "
                f"{len(types) if isinstance(types, list) else quote(types)}"
            )
        other = [kind for kind in types if kind not in ("full_attention", "sliding_attention")]
        if other:
            raise ValueError(
                "layer_types must be full_attention or sliding_attention, the two whose cache is "
                f"known here: got {quote(other[0])}"
            )
        sliding = types.count("sliding_attention")
    elif not window or kind in ("llama", "deepseek_v2", "deepseek_v3"):
        sliding = 0
    elif kind == "gemma3_text":  # every 6th is full
        sliding = num_layers - num_layers // whole(keys, "sliding_window_pattern", 6)
    elif kind in ("gemma2", "gpt_oss"):  # they alternate, a window first
        sliding = num_layers - num_layers // 2
    elif kind in ("qwen2", "qwen3", "qwen3_moe"):
        slides = keys.get("use_sliding_window")
        first = whole(keys, "max_window_layers", 28, least=0) if slides else num_layers
        sliding = max(0, num_layers - first)
    else:
        sliding = num_layers
    if not sliding:
        return {}
    return {"num_window_layers": sliding, "window": whole(keys, "sliding_window")}


def _experts(keys: Mapping[str, Any]) -> dict[str, Any]:
    names = ("num_local_experts", "num_experts", "n_routed_experts")
    count = next((keys[name] for name in names if name in keys), 0)
    if not count:
        return {}
    if keys.get("decoder_sparse_step", 1) != 1 or keys.get("mlp_only_layers"):
        raise ValueError(
            "experts must be in every layer but the first ones: decoder_sparse_step and "
            "mlp_only_layers are not known here"
        )
    if keys.get("moe_layer_freq", 1) != 1:
        raise ValueError(f"moe_layer_freq must be 1, got {quote(keys['moe_layer_freq'])}")
    return {
        "num_experts": count,
        "experts_per_token": whole(keys, "num_experts_per_tok"),
        "expert_size": whole(keys, "moe_intermediate_size", keys["intermediate_size"]),
        "num_shared_experts": keys.get("n_shared_experts", 0),
        "num_dense_layers": keys.get("first_k_dense_replace", 0),
        "router_bias": keys.get("topk_method") == "noaux_tc",
    }
