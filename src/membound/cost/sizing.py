"""Does it fit: a model on devices, in bytes per device."""

from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType

from membound.cost import memory
from membound.cost.case import MOST_LLAMACPP_REQUESTS, refusal
from membound.cost.inputs import device_inputs, model_inputs, weight_inputs
from membound.cost.kv import KVPolicy
from membound.cost.spec import ModelSpec
from membound.cost.tables import Device
from membound.cost.weights import Weights
from membound.units import GIB

# What an engine leaves of a device. exact: "other_mem" of aiconfigurator-core 0.12.0, for runtime,
# graphs and all that was not counted; vLLM 0.33.0: all but --gpu-memory-utilization, 0.92;
# llama.cpp@0c1e57098: --fit-target, 1024 MiB.
KEPT = MappingProxyType(
    {
        "exact": {"kept_percent": 0.0, "kept_gib": 3.5},
        "vllm": {"kept_percent": 8.0, "kept_gib": 0.0},
        "llama.cpp": {"kept_percent": 0.0, "kept_gib": 1.0},
    }
)


@dataclass(frozen=True)
class Sizing:
    """A model in a format on `tensor_parallel` devices that serves `concurrency` requests at once.

    `context` is prompt and answer together, `output_tokens` the answer. Weights and KV heads are
    shared out evenly. What cannot be asked is refused; what does not fit has negative `free_bytes`.
    """

    spec: ModelSpec
    weights: Weights
    device: Device
    policy: KVPolicy
    context: int
    concurrency: int = 1
    output_tokens: int = 256
    tensor_parallel: int = 1
    reserve: float | None = None  # bytes, but for NCCL's; None: what the engine leaves

    def __post_init__(self):
        for name in ("context", "concurrency", "output_tokens", "tensor_parallel"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")
        if self.reserve is not None and not 0 <= self.reserve < self.device.memory_bytes:
            raise ValueError(
                f"reserve must be from 0 to the {self.device.memory_bytes:.0f} bytes of the "
                f"device, got {self.reserve}"
            )
        self.policy.check(self.spec)
        refused = refusal(self.inputs)
        if refused:
            raise ValueError(self._reason(refused))

    def _reason(self, refused: str) -> str:
        """A refusal's code in words, with what was asked and what would fit."""
        name, gpus = self.spec.name, self.tensor_parallel
        return {
            "context-limit": f"context must be at most the {self.spec.context_length} of {name}, "
            f"got {self.context}",
            "answer": f"output_tokens must leave room for a prompt in a context of "
            f"{self.context}: at most {self.context - 1} would, got {self.output_tokens}",
            "llama.cpp-gpus": "tensor_parallel must be 1 with llama.cpp, which gives each GPU "
            f"whole layers: got {gpus}",
            "llama.cpp-requests": f"concurrency must be at most {MOST_LLAMACPP_REQUESTS:.0f} with "
            f"llama.cpp, got {self.concurrency}",
            "heads": f"tensor_parallel must divide the {self.spec.num_heads} heads of {name}, "
            f"got {gpus}",
            "kv-heads": f"tensor_parallel must divide the {self.spec.num_kv_heads} KV heads of "
            f"{name} or be a multiple of them, got {gpus}",
        }[refused]

    @property
    def prompt_tokens(self) -> int:
        """The context without the answer."""
        return self.context - self.output_tokens

    @cached_property
    def inputs(self) -> dict[str, float | bool | str]:
        """A `case.Case`, all but how fast the device is in practice."""
        kept = KEPT[self.policy.engine]
        if self.reserve is not None:
            kept = {"kept_percent": 0.0, "kept_gib": self.reserve / GIB}
        return {
            **model_inputs(self.spec),
            **weight_inputs(self.weights),
            **device_inputs(self.device, self.weights.format),
            **self.policy.inputs,
            **kept,
            "context": float(self.context),
            "answer": float(self.output_tokens),
            "concurrency": float(self.concurrency),
            "gpus": float(self.tensor_parallel),
        }

    @cached_property
    def memory(self) -> dict[str, float]:
        """The bytes on each device, part by part: `memory.memory_of`."""
        return memory.memory_of(self.inputs)

    @property
    def weight_bytes(self) -> float:
        """Its share of the weights."""
        return self.memory["weights"]

    @property
    def kv_bytes(self) -> float:
        """The cache of all requests at their full context, as the engine allocates it."""
        return self.memory["cache"]

    @property
    def activation_bytes(self) -> float:
        """An estimate of the largest pass: a chunk of a prompt, and logits for every request."""
        return self.memory["activations"]

    @property
    def reserve_bytes(self) -> float:
        """What is left for runtime, graphs and communication."""
        return self.memory["reserve"]

    @property
    def total_bytes(self) -> float:
        """All of it."""
        return self.memory["total"]

    @property
    def free_bytes(self) -> float:
        """What remains of the device; negative is what is missing."""
        return self.memory["free"]

    @property
    def fits(self) -> bool:
        """Whether nothing is missing."""
        return self.free_bytes >= 0
