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

from dataclasses import dataclass
from functools import cached_property

from membound.cost import formulas, passes
from membound.cost.case import Case
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
    def inputs(self) -> Case:
        """The whole `Case`, but for a price."""
        shares = {
            "memory_percent": 100 * self.memory_efficiency,
            "compute_percent": 100 * self.compute_efficiency,
        }
        return {**self.sizing.inputs, **shares}

    @cached_property
    def passes(self) -> dict[str, dict[str, float | str]]:
        """What `passes.timed` says of "prefill", one prompt, and "decode", a step of all."""
        inputs = self.inputs
        return {"prefill": passes.prefill(inputs), "decode": passes.decode(inputs)}

    @property
    def peak_flops_per_s(self) -> float:
        """Of one device in the numbers that the weights are multiplied in; 0 if unknown."""
        return self.sizing.device.peak_flops_per_s(self.sizing.weights.format)

    @property
    def prefill(self) -> Work:
        """One prompt: its matrices and causal attention, the logits of its last token."""
        return self._work("prefill")

    @property
    def decode(self) -> Work:
        """One step of all requests, each of which sees its full context."""
        return self._work("decode")

    @property
    def ttft_s(self) -> float:
        """To the first token of a request that waits for no other."""
        return self.passes["prefill"]["seconds"]

    @property
    def last_ttft_s(self) -> float:
        """To the first token of the last of all requests, if they come at once."""
        return self.sizing.concurrency * self.ttft_s

    @property
    def tpot_s(self) -> float:
        """Per token after the first."""
        return self.passes["decode"]["seconds"]

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

    def binds(self, name: str) -> str:
        """Whether "memory" or "compute" takes the longer part of a pass; memory if in doubt."""
        timed = self.passes[name]
        return "compute" if timed["computing"] > timed["reading"] else "memory"

    def _work(self, name: str) -> Work:
        timed = self.passes[name]
        return Work(timed["flops"], timed["weights"] + timed["cache"])
