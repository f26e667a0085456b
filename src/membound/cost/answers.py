"""What would fit: the most requests, the longest context, the fewest GPUs; else a refusal."""

from collections.abc import Iterator
from dataclasses import replace

from membound.cost import memory
from membound.cost.kv import KV_TYPES
from membound.cost.sizing import Sizing
from membound.cost.weights import FORMATS, model_weights
from membound.units import format_bytes

MAX_GPUS = int(memory.MOST_GPUS)
# Tried in turn where a format does not fit: the best first.
CHECKPOINTS = ("fp8", "int4")
FILES = ("Q8_0", "Q6_K", "Q5_K_M", "Q4_K_M", "Q3_K_M", "Q2_K")


def largest_concurrency(sizing: Sizing) -> int:
    """The most requests of this context that fit; 0: not one."""
    return int(memory.largest_concurrency(sizing.inputs))


def longest_context(sizing: Sizing) -> int:
    """The longest context of this many requests that fits, at most the model's; 0: none."""
    return int(memory.longest_context(sizing.inputs))


def gpus_needed(sizing: Sizing) -> int | None:
    """The fewest devices, a power of 2, that hold one replica by tensor parallelism; or `None`."""
    return int(memory.gpus_needed(sizing.inputs, 1.0)) or None


def require_fit(sizing: Sizing) -> None:
    """Refuse what does not fit: a `ValueError` that says what is needed, and what would fit."""
    if sizing.fits:
        return
    needed = format_bytes(sizing.total_bytes, binary=True)
    there = format_bytes(sizing.device.memory_bytes, binary=True)
    where = sizing.device.name
    if sizing.tensor_parallel > 1:
        where = f"each of {sizing.tensor_parallel} × {where}"
    would = ", or ".join(_would_fit(sizing)) or "nothing of this model on this device"
    raise ValueError(f"does not fit: needs {needed} of the {there} of {where}; would fit: {would}")


def _would_fit(sizing: Sizing) -> Iterator[str]:
    number = gpus_needed(sizing)
    if number:
        yield f"{number} × {sizing.device.name}"
    smaller = _smaller_format(sizing)
    if smaller:
        yield f"weights in {smaller.lower()}"
    kind = _smaller_cache(sizing)
    if kind:
        yield f"a KV cache in {kind}"
    longest = longest_context(sizing)
    if longest:
        yield f"a context of at most {longest}"
    most = largest_concurrency(sizing)
    if most:
        yield f"at most {most} at once"


def _smaller_format(sizing: Sizing) -> str | None:
    if sizing.weights.format not in FORMATS:
        return None  # a file has the one format that it has
    ladder = (*CHECKPOINTS, *FILES)
    if sizing.policy.engine == "llama.cpp" or sizing.weights.format.isupper():
        ladder = FILES
    elif sizing.policy.engine == "vllm":
        ladder = CHECKPOINTS
    for name in ladder:
        if replace(sizing, weights=model_weights(sizing.spec, name)).fits:
            return name
    return None


def _smaller_cache(sizing: Sizing) -> str | None:
    for kind in ("fp8", "q8_0", "q4_0"):
        if kind not in KV_TYPES[sizing.policy.engine]:
            continue
        if replace(sizing, policy=replace(sizing.policy, key_type=kind, value_type=kind)).fits:
            return kind
    return None
