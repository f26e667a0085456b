"""What the calculator offers: each choice as the inputs of `calculator.estimate` that it sets."""

from membound.cost.calculator import Case
from membound.cost.kv import KV_BITS, LLAMA_CPP_WINDOWS
from membound.cost.spec import ModelSpec
from membound.cost.speed import COMPUTE_EFFICIENCY, MEMORY_EFFICIENCY
from membound.cost.tables import Device
from membound.cost.weights import model_weights
from membound.units import GIB

WEIGHTS = ("bf16", "fp8", "int8", "int4", "mxfp4", "Q8_0", "Q6_K", "Q5_K_M", "Q4_K_M", "Q4_0")
"""Offered formats of weights, of which a model without experts has no mxfp4."""

OWN_BITS = {"bf16": 16.0, "fp8": 8.0, "int8": 8.0, "int4": 4.25, "Q8_0": 8.5, "Q4_K_M": 4.9}
"""Average bits of a weight where no more is known of a model than its parameters."""

ENGINES = {
    "exact": {"chunk": 8192.0, "kept_percent": 0.0, "kept_gib": 3.5},
    "vllm": {"chunk": 8192.0, "kept_percent": 8.0, "kept_gib": 0.0},
    "llama.cpp": {"chunk": 512.0, "kept_percent": 0.0, "kept_gib": 1.0},
}
"""What an engine leaves free by its own setting, as in `sizing`, and the tokens of a pass."""

CACHES = tuple(name for name in KV_BITS if name not in ("f32", "bf16", "nvfp4", "iq4_nl"))
"""Offered formats of the cache."""

START = {
    "context": 8192.0,
    "answer": 512.0,
    "concurrency": 8.0,
    "gpus": 1.0,
    "price_per_hour": 2.0,
    "memory_percent": 100 * MEMORY_EFFICIENCY,
    "compute_percent": 100 * COMPUTE_EFFICIENCY,
}
"""What the other fields hold at first; the price is an example."""


def model_inputs(spec: ModelSpec) -> dict[str, float | bool]:
    """The inputs that a model sets, in whatever format."""
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


def weight_inputs(spec: ModelSpec, format_name: str) -> dict[str, float]:
    """The inputs that a format of its weights adds to a model's."""
    weights = model_weights(spec, format_name)
    return {
        "shared_bytes": float(weights.shared_bytes),
        "looked_up_bytes": float(weights.looked_up_bytes),
        "expert_bytes": float(weights.expert_bytes),
        "matmul_weights": float(weights.matmul_weights),
        "head_weights": float(weights.head_weights),
    }


def weight_formats(spec: ModelSpec) -> tuple[str, ...]:
    """The formats that a model is offered in."""
    return tuple(name for name in WEIGHTS if name != "mxfp4" or spec.num_experts)


def device_inputs(device: Device, format_name: str) -> dict[str, float]:
    """The inputs that a device sets: its peak is that of the numbers that are multiplied."""
    return {
        "memory_gib": device.memory_bytes / GIB,
        "bandwidth_gb_s": device.bytes_per_s / 1e9,
        "tflops": device.peak_flops_per_s(format_name) / 1e12,
        "link_gb_s": device.link_bytes_per_s / 1e9,
    }


def case(
    spec: ModelSpec,
    weights: str,
    cache: str,
    device: Device,
    engine: str = "exact",
    **others: float,
) -> Case:
    """All inputs: the choices' own, those that every field starts with, and `others` over them."""
    return {
        **START,
        **ENGINES[engine],
        **model_inputs(spec),
        **weight_inputs(spec, weights),
        **device_inputs(device, weights),
        "kv_bits": KV_BITS[cache],
        "engine": engine,
        **others,
    }
