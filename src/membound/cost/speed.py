"""How fast: operations, bytes and the roofline, for one replica of a model.

The assumptions, all of them:
- a decode step is timed at the full context with all requests running, the slowest there is;
- a prompt is prefilled alone, in chunks, each of which reads the weights once;
- operations and bytes overlap perfectly, at stated efficiencies. Bandwidth: 0.8, the empirical
  factor of NVIDIA's aiconfigurator-core 0.12.0. Compute: 0.4, which the scaling book assumes for
  prefill (applied-inference.md). Neither is a measurement of your machine;
- weights that are not fp8 or int8 are unpacked and multiplied in 16 bits;
- tensor parallelism divides operations, weights and KV heads evenly, and waits for two ring
  all-reduces per layer, which nothing overlaps. Where the link is unknown, they are left out;
- a mixture of experts reads the experts that independent uniform draws would touch;
- scheduling, sampling, tokenising and the network take no time.
"""

from collections.abc import Callable
from dataclasses import dataclass

from membound.cost import formulas
from membound.cost.sizing import Sizing
from membound.matmuls import Work

MEMORY_EFFICIENCY = 0.8
COMPUTE_EFFICIENCY = 0.4


@dataclass(frozen=True)
class Speed:
    """Times in seconds of what a `Sizing` describes, and rates per second of one replica."""

    sizing: Sizing
    memory_efficiency: float = MEMORY_EFFICIENCY
    compute_efficiency: float = COMPUTE_EFFICIENCY

    def __post_init__(self):
        for name in ("memory_efficiency", "compute_efficiency"):
            if not 0 < getattr(self, name) <= 1:
                raise ValueError(f"{name} must be above 0 and at most 1, got {getattr(self, name)}")

    @property
    def peak_flops_per_s(self) -> float:
        """Of one device in the numbers that the weights are multiplied in; 0 if unknown."""
        return self.sizing.device.peak_flops_per_s(self.sizing.weights.format)

    @property
    def prefill(self) -> Work:
        """One prompt: its matrices and causal attention, the logits of its last token."""
        spec, tokens = self.sizing.spec, self.sizing.prompt_tokens
        heads = (spec.num_heads, spec.head_dim, spec.value_dim)
        return Work(
            _call(formulas.prefill_flops, *self._matrices(), *heads, *self._layers(), tokens,
                  self.sizing.tensor_parallel),
            _call(formulas.prefill_bytes, *self._stored(), *self._layers(), tokens,
                  self.sizing.chunk, self.sizing.tensor_parallel),
        )  # fmt: skip

    @property
    def decode(self) -> Work:
        """One step of all requests, each of which sees its full context."""
        sizing, spec = self.sizing, self.sizing.spec
        heads = (spec.num_heads, *spec.decode_dims)
        load = (sizing.context, sizing.concurrency, sizing.tensor_parallel)
        return Work(
            _call(formulas.decode_flops, *self._matrices(), *heads, *self._layers(), *load),
            _call(formulas.decode_bytes, *self._stored(), *self._layers(), *load),
        )

    @property
    def ttft_s(self) -> float:
        """To the first token of a request that waits for no other."""
        return self._seconds(self.prefill) + self._traffic_s(float(self.sizing.prompt_tokens))

    @property
    def last_ttft_s(self) -> float:
        """To the first token of the last of all requests, if they come at once."""
        return self.sizing.concurrency * self.ttft_s

    @property
    def tpot_s(self) -> float:
        """Per token after the first."""
        return self._seconds(self.decode) + self._traffic_s(float(self.sizing.concurrency))

    @property
    def decode_tokens_per_s(self) -> float:
        """Of all requests together, while none is in its prefill."""
        return self.sizing.concurrency / self.tpot_s

    @property
    def output_tokens_per_s(self) -> float:
        """Of all requests together, when each answer is followed by another prompt's prefill."""
        output = float(self.sizing.output_tokens)
        requests = formulas.requests_per_s(
            float(self.sizing.concurrency), self.ttft_s, output, self.tpot_s
        )
        return requests * output

    def binds(self, work: Work) -> str:
        """Whether "memory" or "compute" takes the longer part; memory where the peak is unknown."""
        compute = formulas.compute_s(work.flops, self.peak_flops_per_s, self.compute_efficiency)
        bandwidth = self.sizing.device.bytes_per_s
        memory = formulas.memory_s(work.nbytes, bandwidth, self.memory_efficiency)
        return "compute" if compute > memory else "memory"

    def _matrices(self) -> tuple[int, int]:
        return self.sizing.weights.matmul_weights, self.sizing.weights.head_weights

    def _stored(self) -> tuple[float, ...]:
        sizing = self.sizing
        layer_bytes = sizing.policy.layer_bytes(sizing.spec, sizing.tensor_parallel)
        experts = (sizing.spec.num_experts, sizing.spec.experts_per_token)
        return sizing.weights.shared_bytes, sizing.weights.expert_bytes, *experts, layer_bytes

    def _layers(self) -> tuple[int, int, int]:
        spec = self.sizing.spec
        return spec.num_full_layers, spec.num_window_layers, spec.window

    def _seconds(self, work: Work) -> float:
        return formulas.roofline_s(
            work.flops,
            work.nbytes,
            self.peak_flops_per_s,
            self.sizing.device.bytes_per_s,
            self.compute_efficiency,
            self.memory_efficiency,
        )

    def _traffic_s(self, tokens: float) -> float:
        sizing = self.sizing
        return formulas.tensor_parallel_s(
            tokens,
            float(sizing.spec.num_layers),
            float(sizing.spec.hidden_size),
            float(sizing.tensor_parallel),
            sizing.device.link_bytes_per_s,
            formulas.ALL_REDUCE_LATENCY_S,
        )


def _call(formula: Callable[..., float], *numbers: float) -> float:
    """Formulas take floats, as JavaScript has no others."""
    return formula(*map(float, numbers))
