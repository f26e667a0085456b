"""What there is to say about a deployment: lines with a value and a unit, and their text."""

from collections.abc import Iterator
from dataclasses import dataclass

from membound.cost import formulas
from membound.cost.answers import MAX_GPUS, gpus_needed, largest_concurrency, longest_context
from membound.cost.speed import Speed
from membound.units import format_bytes, format_s


@dataclass(frozen=True)
class Line:
    """One finding: `value` is a number in `unit`, or `None` where it is unknown."""

    section: str
    name: str
    value: float | None
    unit: str
    note: str = ""

    def __str__(self) -> str:
        return f"  {self.name:<22}{self._quantity():>16}   {self.note}".rstrip()

    def _quantity(self) -> str:
        if self.value is None:
            return "none" if self.unit == "GPUs" else "unknown"
        if self.unit == "bytes":
            return format_bytes(self.value, binary=True)
        if self.unit == "s":
            return format_s(self.value)
        if isinstance(self.value, int):
            return f"{self.value} {self.unit}"
        number = f"{self.value:.3g}" if abs(self.value) < 100 else f"{self.value:.0f}"
        return f"{number} {self.unit}"


def report(speed: Speed, num_replicas: int = 1, price_per_hour: float | None = None) -> list[Line]:
    """Memory per GPU, speed of all replicas together, and what would fit in one replica.

    `price_per_hour` is one GPU's, in any currency.
    """
    return [*_memory(speed), *_speed(speed, num_replicas, price_per_hour), *_limits(speed)]


def as_text(lines: list[Line]) -> Iterator[str]:
    """A heading for each section, and a line for each finding."""
    section = None
    for line in lines:
        if line.section != section:
            section = line.section
            yield section
        yield str(line)


def _memory(speed: Speed) -> Iterator[Line]:
    sizing = speed.sizing
    section = "memory per GPU"
    layer = sizing.policy.layer_bytes(sizing.spec, sizing.tensor_parallel)
    kv_note = f"{sizing.policy.engine}; {layer:g} bytes per token and layer"
    bits = f"{sizing.weights.bits_per_weight:.4g} bits per weight"
    yield Line(section, "weights", sizing.weight_bytes, "bytes", bits)
    yield Line(section, "KV cache", sizing.kv_bytes, "bytes", kv_note)
    yield Line(section, "activations", sizing.activation_bytes, "bytes", "an estimate")
    yield Line(section, "reserve", sizing.reserve_bytes, "bytes", "runtime, graphs")
    yield Line(section, "total", sizing.total_bytes, "bytes")
    yield Line(section, "device", sizing.device.memory_bytes, "bytes", sizing.device.name)
    if sizing.fits:
        yield Line(section, "free", sizing.free_bytes, "bytes")
    else:
        yield Line(section, "missing", -sizing.free_bytes, "bytes", "it does not fit")


def _speed(speed: Speed, num_replicas: int, price_per_hour: float | None) -> Iterator[Line]:
    sizing = speed.sizing
    section = (
        f"speed at {speed.memory_efficiency:g} of the bandwidth and "
        f"{speed.compute_efficiency:g} of the operations"
    )
    requests = sizing.concurrency * num_replicas
    total = speed.decode_tokens_per_s * num_replicas
    binds = f"{speed.binds('decode')} binds"
    if sizing.tensor_parallel > 1 and not sizing.device.link_bytes_per_s:
        binds += "; the link is not known, and its traffic left out"
    yield Line(section, "TPOT", speed.tpot_s, "s", binds)
    yield Line(section, "one request", 1 / speed.tpot_s, "tokens/s")
    yield Line(section, "all requests", total, "tokens/s", f"{requests} at once, while decoding")
    if speed.peak_flops_per_s == 0:
        yield Line(section, "TTFT", None, "s", "the device's operations per second are not known")
        return
    prompt = f"{sizing.prompt_tokens} tokens, {speed.binds('prefill')} binds"
    sustained = speed.output_tokens_per_s * num_replicas
    yield Line(section, "TTFT", speed.ttft_s, "s", prompt)
    yield Line(section, "TTFT of the last", speed.last_ttft_s, "s", "if all come at once")
    yield Line(section, "sustained", sustained, "tokens/s", "answers, their prefills included")
    if price_per_hour is not None:
        num_gpus = float(sizing.tensor_parallel * num_replicas)
        cost = formulas.cost_per_million_tokens(price_per_hour, num_gpus, sustained)
        note = f"of answers, at {price_per_hour:g} per GPU and hour"
        yield Line(section, "cost", cost, "per million tokens", note)


def _limits(speed: Speed) -> Iterator[Line]:
    sizing = speed.sizing
    section = f"what fits on {sizing.tensor_parallel} × {sizing.device.name}"
    longest, most = longest_context(sizing), largest_concurrency(sizing)
    limit = "as long as the model allows" if longest == sizing.spec.context_length else ""
    with_requests = f"{sizing.concurrency} at once"
    yield Line(
        section,
        "longest context",
        longest,
        "tokens",
        ", ".join(filter(None, (with_requests, limit))),
    )
    yield Line(section, "largest batch", most, "requests", f"of {sizing.context} tokens each")
    needed, note = gpus_needed(sizing), "for what was asked"
    if needed is None:
        note = f"no number up to {MAX_GPUS} holds it by tensor parallelism"
        if sizing.policy.engine == "llama.cpp":
            note = "more than one; llama.cpp shares out layers, which is not computed here"
    yield Line(section, "GPUs needed", needed, "GPUs", note)
