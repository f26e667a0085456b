"""How long a prefill and a step of decode take on each GPU, in seconds: `formulas` for a `Case`.

Written in the part of Python that becomes JavaScript.
"""

from membound.cost.case import Case
from membound.cost.formulas import (
    ALL_REDUCE_LATENCY_S,
    compute_s,
    decode_flops,
    memory_s,
    padded,
    prefill_flops,
    tensor_parallel_s,
    weights_read_bytes,
)
from membound.cost.memory import (
    cached_bytes,
)


def weights_read(case: Case, tokens):
    """The weights that a pass over `tokens` reads on each GPU."""
    read = weights_read_bytes(
        case["shared_bytes"],
        case["expert_bytes"],
        case["experts"],
        case["experts_per_token"],
        tokens,
    )
    return read / case["gpus"]


def timed(case: Case, flops, weights, cache, tokens):
    """A pass on each GPU: arithmetic and reading overlap, the all-reduces of `tokens` do not."""
    peak, bandwidth = case["tflops"] * 1000000000000.0, case["bandwidth_gb_s"] * 1000000000.0
    computing = 0.0
    if peak > 0.0:
        computing = compute_s(flops, peak, case["compute_percent"] / 100.0)
    reading = memory_s(weights + cache, bandwidth, case["memory_percent"] / 100.0)
    links = tensor_parallel_s(
        tokens,
        case["layers"],
        case["hidden_size"],
        case["gpus"],
        case["link_gb_s"] * 1000000000.0,
        ALL_REDUCE_LATENCY_S,
    )
    longer = max(computing, reading)
    if links > longer:
        bound = "links"
    elif computing > reading:
        bound = "compute"
    else:
        bound = "weights" if weights >= cache else "cache"
    return {
        "seconds": longer + links,
        "computing": computing,
        "reading": reading,
        "links": links,
        "flops": flops,
        "weights": weights,
        "cache": cache,
        "weights_share": weights / (weights + cache),
        "cache_share": cache / (weights + cache),
        "intensity": flops / (weights + cache),
        "achieved_per_s": flops / (longer + links),
        "bound": bound,
    }


def prefill(case: Case):
    """One prompt alone, chunk by chunk, each of which reads the weights once."""
    tokens = case["context"] - case["answer"]
    flops = prefill_flops(
        case["matmul_weights"],
        case["head_weights"],
        case["heads"],
        case["key_dim"],
        case["value_dim"],
        case["layers"] - case["window_layers"],
        case["window_layers"],
        case["window"],
        tokens,
        case["gpus"],
    )
    passes = padded(tokens, case["chunk"]) / case["chunk"]
    weights = passes * weights_read(case, min(tokens, case["chunk"]))
    return timed(case, flops, weights, cached_bytes(case, tokens), tokens)


def decode(case: Case):
    """One step of all requests at their full context; MLA attends to the latents themselves."""
    requests = case["concurrency"]
    key_dim, value_dim = case["key_dim"], case["value_dim"]
    if case["kv_lora_rank"] > 0.0:
        key_dim, value_dim = case["kv_lora_rank"] + case["rope_head_dim"], case["kv_lora_rank"]
    flops = decode_flops(
        case["matmul_weights"],
        case["head_weights"],
        case["heads"],
        key_dim,
        value_dim,
        case["layers"] - case["window_layers"],
        case["window_layers"],
        case["window"],
        case["context"],
        requests,
        case["gpus"],
    )
    cache = requests * cached_bytes(case, case["context"])
    return timed(case, flops, weights_read(case, requests), cache, requests)
