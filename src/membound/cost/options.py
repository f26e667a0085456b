"""What the calculator offers: each choice as the inputs of `calculator.estimate` that it sets."""

from membound.cost.case import Case
from membound.cost.inputs import device_inputs, model_inputs, weight_inputs
from membound.cost.kv import KV_BITS, KVPolicy
from membound.cost.sizing import KEPT
from membound.cost.spec import ModelSpec
from membound.cost.speed import COMPUTE_EFFICIENCY, MEMORY_EFFICIENCY
from membound.cost.tables import Device
from membound.cost.weights import model_weights

WEIGHTS = ("bf16", "fp8", "int8", "int4", "mxfp4", "Q8_0", "Q6_K", "Q5_K_M", "Q4_K_M", "Q4_0")
"""Offered formats of weights, of which a model without experts has no mxfp4."""

OWN_BITS = {"bf16": 16.0, "fp8": 8.0, "int8": 8.0, "int4": 4.25, "Q8_0": 8.5, "Q4_K_M": 4.9}
"""Average bits of a weight where no more is known of a model than its parameters."""

ENGINES = {
    engine: {"chunk": float(KVPolicy(engine).chunk), **kept} for engine, kept in KEPT.items()
}
"""What an engine leaves free by its own setting, and the most tokens of a pass."""

FIXED = {name: KVPolicy().inputs[name] for name in ("block_size", "unified", "swa_full", "n_batch")}
"""Settings of engines that are not offered: their own defaults."""

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


def weight_formats(spec: ModelSpec) -> tuple[str, ...]:
    """The formats that a model is offered in."""
    return tuple(name for name in WEIGHTS if name != "mxfp4" or spec.num_experts)


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
        **FIXED,
        **ENGINES[engine],
        **model_inputs(spec),
        **weight_inputs(model_weights(spec, weights)),
        **device_inputs(device, weights),
        "key_bits": KV_BITS[cache],
        "value_bits": KV_BITS[cache],
        "engine": engine,
        **others,
    }
