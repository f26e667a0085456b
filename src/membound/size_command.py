"""`python -m membound size`: what a model needs, how fast it should be, and what would fit."""

import argparse
import json
import math
from collections.abc import Iterator
from pathlib import Path

from membound.cost.answers import require_fit
from membound.cost.config_json import read_config_json
from membound.cost.gguf_header import read_gguf_header
from membound.cost.kv import ENGINES, KV_BITS, KVPolicy
from membound.cost.report import as_text, report
from membound.cost.sizing import Sizing
from membound.cost.spec import ModelSpec
from membound.cost.speed import COMPUTE_EFFICIENCY, MEMORY_EFFICIENCY, Speed
from membound.cost.tables import devices, find_device, find_model, models
from membound.cost.weights import FORMATS, Weights, model_weights, num_params
from membound.units import Gibibytes, format_bytes


def add_size(subcommands) -> None:
    """Say what `size` takes."""
    parser = subcommands.add_parser(
        "size",
        help="what a model needs, how fast it should be",
        description="Computes memory, speed and what would fit, and measures nothing. A model is "
        "one of --list, a config.json or a GGUF file.",
    )
    parser.set_defaults(run=run_size, parser=parser)
    model = parser.add_argument_group("the model")
    model.add_argument("model", nargs="?", help="a known model (--list)")
    model.add_argument("--config", type=Path, metavar="PATH", help="a config.json")
    model.add_argument("--gguf", type=Path, metavar="PATH", help="a GGUF file; its header is read")
    model.add_argument("--weights", metavar="FORMAT", help=f"default bf16; {', '.join(FORMATS)}")
    model.add_argument(
        "--kv", default="f16", metavar="TYPE", help=f"or KEYS,VALUES; {', '.join(KV_BITS)}"
    )
    load = parser.add_argument_group("what it serves")
    load.add_argument("--context", type=int, metavar="N", help="prompt and answer (8192)")
    load.add_argument("--output", type=int, metavar="N", help="of these, the answer (256)")
    load.add_argument("--concurrency", type=int, default=1, metavar="N", help="requests at once")
    where = parser.add_argument_group("where it runs")
    where.add_argument("--gpu", default="h100-sxm", metavar="NAME", help="a known device (--list)")
    where.add_argument("--gpus", type=int, metavar="N", help="in all; default: one replica")
    where.add_argument("--tensor-parallel", type=int, metavar="N", help="GPUs of one replica")
    where.add_argument(
        "--engine",
        choices=ENGINES,
        default="exact",
        help="who keeps the KV cache; to llama.cpp, -c is context × concurrency",
    )
    where.add_argument("--unified", action="store_true", help="llama.cpp: one pool (-kvu)")
    where.add_argument("--swa-full", action="store_true", help="llama.cpp: no windows")
    where.add_argument("--ubatch", type=int, default=512, metavar="N", help="llama.cpp: -ub")
    assumed = parser.add_argument_group("what is assumed")
    assumed.add_argument(
        "--memory-efficiency", type=float, default=MEMORY_EFFICIENCY, metavar="SHARE"
    )
    assumed.add_argument(
        "--compute-efficiency", type=float, default=COMPUTE_EFFICIENCY, metavar="SHARE"
    )
    assumed.add_argument(
        "--reserve-gib", type=float, metavar="GIB", help="kept free on each GPU, NCCL aside"
    )
    assumed.add_argument("--price-per-hour", type=float, metavar="PRICE", help="of one GPU")
    parser.add_argument("--json", action="store_true", help="all values, in bytes and seconds")
    parser.add_argument("--list", action="store_true", help="the known models and devices")


def run_size(args: argparse.Namespace) -> None:
    """Print the findings; what does not fit is refused after them, with what would."""
    if args.list:
        print("\n".join(known()))
        return
    if sum(source is not None for source in (args.model, args.config, args.gguf)) != 1:
        args.parser.error("name one model: MODEL, --config PATH or --gguf PATH (or --list)")
    if args.gguf and args.weights:
        args.parser.error("--weights: a GGUF file has the weights that it has")
    if args.price_per_hour is not None and not 0 < args.price_per_hour < math.inf:
        args.parser.error(f"--price-per-hour must be positive, got {args.price_per_hour}")
    spec, weights = read_model(args)
    num_replicas, tensor_parallel = share_out(args.gpus, args.tensor_parallel)
    context = min(8192, spec.context_length) if args.context is None else args.context
    sizing = Sizing(
        spec,
        weights,
        find_device(args.gpu),
        kv_policy(args),
        context=context,
        concurrency=-(-args.concurrency // num_replicas),
        output_tokens=min(256, context // 2) if args.output is None else args.output,
        tensor_parallel=tensor_parallel,
        reserve=None if args.reserve_gib is None else Gibibytes(args.reserve_gib).num_bytes,
    )
    speed = Speed(sizing, args.memory_efficiency, args.compute_efficiency)
    lines = report(speed, num_replicas, args.price_per_hour)
    if args.json:
        found = {line.name: {"value": line.value, "unit": line.unit} for line in lines}
        print(json.dumps(describe(sizing, num_replicas) | {"found": found}, indent=2))
    else:
        print(f"{spec.name}, {weights.format} weights, {args.kv} KV cache; {spec.source}")
        print("\n".join(as_text(lines)))
    require_fit(sizing)


def read_model(args: argparse.Namespace) -> tuple[ModelSpec, Weights]:
    """The model that was named, and its weights."""
    if args.gguf:
        return read_gguf_header(args.gguf)
    spec = read_config_json(args.config) if args.config else find_model(args.model)
    return spec, model_weights(spec, args.weights or "bf16")


def share_out(gpus: int | None, tensor_parallel: int | None) -> tuple[int, int]:
    """Replicas, and the GPUs of each: all in one unless `tensor_parallel` says otherwise."""
    for name, value in (("gpus", gpus), ("tensor_parallel", tensor_parallel)):
        if value is not None and value < 1:
            raise ValueError(f"{name} must be at least 1, got {value}")
    tensor_parallel = tensor_parallel or gpus or 1
    gpus = gpus or tensor_parallel
    if gpus % tensor_parallel:
        raise ValueError(
            f"gpus must be a multiple of the {tensor_parallel} of one replica, got {gpus}"
        )
    return gpus // tensor_parallel, tensor_parallel


def kv_policy(args: argparse.Namespace) -> KVPolicy:
    """How the cache is kept."""
    key_type, _, value_type = args.kv.partition(",")
    return KVPolicy(
        args.engine,
        key_type,
        value_type or key_type,
        unified=args.unified,
        swa_full=args.swa_full,
        n_ubatch=args.ubatch,
    )


def describe(sizing: Sizing, num_replicas: int) -> dict[str, object]:
    """What was asked, for --json."""
    return {
        "model": sizing.spec.name,
        "model_source": sizing.spec.source,
        "model_verified": sizing.spec.verified,
        "weights": sizing.weights.format,
        "num_params": sizing.weights.num_params,
        "active_params": sizing.weights.active_params,
        "engine": sizing.policy.engine,
        "kv": [sizing.policy.key_type, sizing.policy.value_type],
        "context": sizing.context,
        "output": sizing.output_tokens,
        "concurrency": sizing.concurrency * num_replicas,
        "replicas": num_replicas,
        "tensor_parallel": sizing.tensor_parallel,
        "device": sizing.device.name,
        "device_source": sizing.device.source,
        "device_verified": sizing.device.verified,
        "fits": sizing.fits,
    }


def known() -> Iterator[str]:
    """The tables, a line for each entry; ? marks what is not verified."""
    yield "models: parameters, attention, source"
    for spec in models().values():
        mark = " " if spec.verified else "?"
        billions = num_params(spec) / 1e9
        yield f"  {spec.name:<18}{billions:8.2f} B  {spec.attention_kind} {mark} {spec.source}"
    yield "devices: memory, bandwidth, 16-bit operations, source"
    for device in devices().values():
        mark = " " if device.verified else "?"
        memory = format_bytes(device.memory_bytes, binary=True)
        peak = f"{device.flops_16 / 1e12:.0f} TFLOP/s" if device.flops_16 else "unknown"
        bandwidth = f"{format_bytes(device.bytes_per_s)}/s"
        yield f"  {device.name:<15}{memory:>9}{bandwidth:>11}{peak:>14} {mark} {device.source}"
