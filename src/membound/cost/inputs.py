"""What the things of a deployment add to a `case.Case`: whole numbers as floats."""

from membound.cost.spec import ModelSpec
from membound.cost.tables import Device
from membound.cost.weights import Weights
from membound.units import GIB

# llama.cpp has a cache for windows only where its model code asks for one: a Mistral 7B, whose
# architecture is llama, gets full layers.
LLAMA_CPP_WINDOWS = ("gemma2", "gemma3", "gpt-oss")


def model_inputs(spec: ModelSpec) -> dict[str, float | bool]:
    """What a model sets, in whatever format."""
    inputs = {
        "experts": spec.num_experts,
        "experts_per_token": spec.experts_per_token,
        "vocab_size": spec.vocab_size,
        "hidden_size": spec.hidden_size,
        "widest": spec.widest,
        "heads": spec.num_heads,
        "kv_heads": spec.num_kv_heads,
        "key_dim": spec.head_dim,
        "value_dim": spec.value_dim,
        "kv_lora_rank": spec.kv_lora_rank,
        "rope_head_dim": spec.rope_head_dim,
        "layers": spec.num_layers,
        "window_layers": spec.num_window_layers,
        "window": spec.window,
        "context_limit": spec.context_length,
    }
    numbers = {name: float(number) for name, number in inputs.items()}
    return numbers | {"llamacpp_windows": spec.architecture in LLAMA_CPP_WINDOWS}


def weight_inputs(weights: Weights) -> dict[str, float]:
    """What its weights in a format add."""
    return {
        "shared_bytes": float(weights.shared_bytes),
        "looked_up_bytes": float(weights.looked_up_bytes),
        "expert_bytes": float(weights.expert_bytes),
        "matmul_weights": float(weights.matmul_weights),
        "head_weights": float(weights.head_weights),
    }


def device_inputs(device: Device, format_name: str) -> dict[str, float]:
    """What a device sets: its peak is that of the numbers that are multiplied."""
    return {
        "memory_gib": device.memory_bytes / GIB,
        "bandwidth_gb_s": device.bytes_per_s / 1e9,
        "tflops": device.peak_flops_per_s(format_name) / 1e12,
        "link_gb_s": device.link_bytes_per_s / 1e9,
    }
