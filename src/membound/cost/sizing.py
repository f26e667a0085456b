"""Does it fit: a model on devices, in bytes per device."""

from dataclasses import dataclass
from functools import cached_property

from membound.cost import formulas
from membound.cost.kv import KVPolicy
from membound.cost.spec import ModelSpec
from membound.cost.tables import Device
from membound.cost.weights import Weights
from membound.units import MIB, Gibibytes

# What an engine leaves of a device. exact: "other_mem" of aiconfigurator-core 0.12.0, for runtime,
# graphs and all that was not counted; vLLM 0.33.0: all but --gpu-memory-utilization;
# llama.cpp@0c1e57098: --fit-target.
EXACT_RESERVE_BYTES = Gibibytes(3.5).num_bytes
VLLM_MEMORY_SHARE = 0.92
LLAMA_CPP_RESERVE_BYTES = 1024 * MIB


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
    reserve: float | None = None  # bytes; None: what the engine leaves

    def __post_init__(self):
        for name in ("context", "concurrency", "tensor_parallel"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")
        if self.context > self.spec.context_length:
            raise ValueError(
                f"context must be at most the {self.spec.context_length} of {self.spec.name}, got "
                f"{self.context}"
            )
        if not 0 < self.output_tokens < self.context:
            raise ValueError(
                f"output_tokens must leave room for a prompt in a context of {self.context}: at "
                f"most {self.context - 1} would, got {self.output_tokens}"
            )
        if self.reserve is not None and not 0 <= self.reserve < self.device.memory_bytes:
            raise ValueError(
                f"reserve must be from 0 to the {self.device.memory_bytes:.0f} bytes of the "
                f"device, got {self.reserve}"
            )
        if self.policy.engine == "llama.cpp" and self.tensor_parallel > 1:
            raise ValueError(
                "tensor_parallel must be 1 with llama.cpp, which gives each GPU whole layers: got "
                f"{self.tensor_parallel}"
            )
        if self.spec.num_heads % self.tensor_parallel:
            raise ValueError(
                f"tensor_parallel must divide the {self.spec.num_heads} heads of "
                f"{self.spec.name}, got {self.tensor_parallel}"
            )
        larger = max(self.spec.num_kv_heads, self.tensor_parallel)
        if larger % min(self.spec.num_kv_heads, self.tensor_parallel):
            raise ValueError(
                f"tensor_parallel must divide the {self.spec.num_kv_heads} KV heads of "
                f"{self.spec.name} or be a multiple of them, got {self.tensor_parallel}"
            )

    @property
    def prompt_tokens(self) -> int:
        """The context without the answer."""
        return self.context - self.output_tokens

    @property
    def chunk(self) -> int:
        """The most tokens of a prompt in one pass."""
        policy = self.policy
        return policy.n_ubatch if policy.engine == "llama.cpp" else policy.batched_tokens

    @property
    def weight_bytes(self) -> float:
        """Its share of the weights."""
        return self.weights.total_bytes / self.tensor_parallel

    @cached_property
    def kv_bytes(self) -> float:
        """The cache of all requests at their full context, as the engine allocates it."""
        return self.policy.num_bytes(
            self.spec, self.context, self.concurrency, self.tensor_parallel
        )

    @property
    def activation_bytes(self) -> float:
        """An estimate of the largest pass: a chunk of a prompt, and logits for every request."""
        spec = self.spec
        return formulas.activation_bytes(
            float(min(self.chunk, self.context)),
            float(spec.hidden_size),
            spec.widest / self.tensor_parallel,
            float(spec.vocab_size),
            float(self.concurrency),
        )

    @property
    def reserve_bytes(self) -> float:
        """What is left for runtime, graphs and communication."""
        if self.reserve is not None:
            return self.reserve
        nccl = formulas.nccl_bytes(float(self.tensor_parallel))
        if self.policy.engine == "vllm":
            return (1 - VLLM_MEMORY_SHARE) * self.device.memory_bytes + nccl
        if self.policy.engine == "llama.cpp":
            return LLAMA_CPP_RESERVE_BYTES
        return EXACT_RESERVE_BYTES + nccl

    @property
    def total_bytes(self) -> float:
        """All of it."""
        parts = (self.kv_bytes, self.activation_bytes, self.reserve_bytes)
        return formulas.device_bytes(self.weights.total_bytes, *parts, float(self.tensor_parallel))

    @property
    def free_bytes(self) -> float:
        """What remains of the device; negative is what is missing."""
        return self.device.memory_bytes - self.total_bytes

    @property
    def fits(self) -> bool:
        """Whether nothing is missing."""
        return self.free_bytes >= 0
