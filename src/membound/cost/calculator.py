"""What a deployment needs and how fast it is: `formulas` put together, from one record of numbers.

`sizing`, `speed` and `answers` ask it, and so does the page's calculator, for it is written in the
part of Python that becomes JavaScript. Sizes are bytes on one GPU, times are seconds.
"""

import math
from typing import TypedDict

from membound.cost.formulas import (
    ALL_REDUCE_LATENCY_S,
    activation_bytes,
    compute_s,
    cost_per_million_tokens,
    decode_flops,
    kv_bytes,
    kv_heads_per_gpu,
    kv_layer_bytes,
    latent_layer_bytes,
    llamacpp_kv_bytes,
    memory_s,
    nccl_bytes,
    padded,
    prefill_flops,
    requests_per_s,
    tensor_parallel_s,
    vllm_kv_bytes,
    weights_read_bytes,
)

GIB = 1073741824.0
MOST_GPUS = 64.0
MOST_REQUESTS = 1048576.0
MOST_LLAMACPP_REQUESTS = 256.0


class Case(TypedDict):
    """A model in a format, its load, an engine's settings, and the GPUs: whole numbers as floats.

    `engine` is "exact", "vllm" or "llama.cpp"; `chunk` the most tokens of one prefill pass.
    `block_size` is vLLM's; `unified`, `swa_full` and `n_batch` are llama.cpp's.
    """

    shared_bytes: float
    looked_up_bytes: float
    expert_bytes: float
    matmul_weights: float
    head_weights: float
    experts: float
    experts_per_token: float
    vocab_size: float
    hidden_size: float
    widest: float
    heads: float
    kv_heads: float
    key_dim: float
    value_dim: float
    kv_lora_rank: float
    rope_head_dim: float
    layers: float
    window_layers: float
    window: float
    llamacpp_windows: bool
    context_limit: float
    key_bits: float
    value_bits: float
    context: float
    answer: float
    concurrency: float
    engine: str
    chunk: float
    block_size: float
    unified: bool
    swa_full: bool
    n_batch: float
    kept_percent: float
    kept_gib: float
    memory_gib: float
    bandwidth_gb_s: float
    tflops: float
    link_gb_s: float
    gpus: float
    price_per_hour: float
    memory_percent: float
    compute_percent: float


def own_weights(
    parameters,
    expert_parameters,
    experts,
    experts_per_token,
    vocab_size,
    hidden_size,
    tied: bool,
    bits,
):
    """The fields of a model of which little is known: `parameters` of `bits` each, on average.

    Embedding and output matrix are one if `tied`; else a token reads one row of the embedding.
    """
    head = vocab_size * hidden_size
    looked_up = 0.0 if tied else head
    shared = parameters - expert_parameters
    used = 0.0 if experts == 0.0 else expert_parameters * experts_per_token / experts
    return {
        "shared_bytes": max(0.0, shared - looked_up) * bits / 8.0,
        "looked_up_bytes": looked_up * bits / 8.0,
        "expert_bytes": expert_parameters * bits / 8.0,
        "matmul_weights": max(0.0, shared - looked_up - head + used),
        "head_weights": head,
    }


def divides(number, multiple):
    """Whether `multiple` is a whole multiple of `number`."""
    return number * math.floor(multiple / number) == multiple


def refusal(case: Case):
    """Why there is no answer to a case, as a code; "" if there is one."""
    if case["context"] > case["context_limit"]:
        return "context-limit"
    if case["answer"] >= case["context"]:
        return "answer"
    if case["engine"] == "llama.cpp" and case["gpus"] > 1.0:
        return "llama.cpp-gpus"
    if not divides(case["gpus"], case["heads"]):
        return "heads"
    fewer, more = min(case["gpus"], case["kv_heads"]), max(case["gpus"], case["kv_heads"])
    return "" if divides(fewer, more) else "kv-heads"


# Memory


def layer_bytes(case: Case):
    """What a token adds to one layer's cache on each GPU; MLA has no heads to share out."""
    if case["kv_lora_rank"] > 0.0:
        return latent_layer_bytes(case["kv_lora_rank"], case["rope_head_dim"], case["key_bits"])
    held = float(kv_heads_per_gpu(case["kv_heads"], case["gpus"]))
    return kv_layer_bytes(
        held, case["key_dim"], case["value_dim"], case["key_bits"], case["value_bits"]
    )


def cached_bytes(case: Case, tokens):
    """The keys and values of one request of `tokens`, each token counted once."""
    full = case["layers"] - case["window_layers"]
    return kv_bytes(layer_bytes(case), full, case["window_layers"], case["window"], tokens)


def llamacpp_cache_bytes(case: Case, n_ctx):
    """What llama.cpp allocates when it starts, for `n_ctx` tokens of all requests together."""
    windows = case["window_layers"] if case["llamacpp_windows"] else 0.0
    return llamacpp_kv_bytes(
        layer_bytes(case),
        case["layers"] - windows,
        windows,
        case["window"],
        n_ctx,
        case["concurrency"],
        case["unified"],
        case["n_batch"],
        case["chunk"],
        case["swa_full"],
    )


def cache_bytes(case: Case):
    """The cache of all requests at their full context, as the engine allocates it."""
    if case["engine"] == "llama.cpp":
        return llamacpp_cache_bytes(case, case["context"] * case["concurrency"])
    if case["engine"] == "exact":
        return case["concurrency"] * cached_bytes(case, case["context"])
    once = vllm_kv_bytes(
        layer_bytes(case),
        case["layers"] - case["window_layers"],
        case["window_layers"],
        case["window"],
        case["context"],
        case["block_size"],
        case["chunk"],
    )
    return case["concurrency"] * once


def memory_of(case: Case):
    """What lies on each GPU, part by part."""
    weights = (case["shared_bytes"] + case["expert_bytes"] + case["looked_up_bytes"]) / case["gpus"]
    cache = cache_bytes(case)
    activations = activation_bytes(
        min(case["chunk"], case["context"]),
        case["hidden_size"],
        case["widest"] / case["gpus"],
        case["vocab_size"],
        case["concurrency"],
    )
    memory = case["memory_gib"] * GIB
    kept = memory * case["kept_percent"] / 100.0 + case["kept_gib"] * GIB
    reserve = kept + nccl_bytes(case["gpus"])
    total = weights + cache + activations + reserve
    return {
        "weights": weights,
        "cache": cache,
        "activations": activations,
        "reserve": reserve,
        "total": total,
        "memory": memory,
        "free": memory - total,
    }


def fits(case: Case):
    """Whether nothing is missing."""
    return memory_of(case)["free"] >= 0.0


# What would fit: bisection, for more never fits where less does not


def most_requests(case: Case, low, high):
    """The most requests of this context that fit, from `low`, which is known to, to `high`."""
    if low >= high:
        return low
    middle = float(math.floor((low + high + 1.0) / 2.0))
    if fits({**case, "concurrency": middle}):
        return most_requests(case, middle, high)
    return most_requests(case, low, middle - 1.0)


def most_tokens(case: Case, low, high):
    """The longest context of this many requests that fits, from `low` to `high`."""
    if low >= high:
        return low
    middle = float(math.floor((low + high + 1.0) / 2.0))
    if fits({**case, "context": middle}):
        return most_tokens(case, middle, high)
    return most_tokens(case, low, middle - 1.0)


def largest_concurrency(case: Case):
    """The most requests of this context that fit; 0: not one."""
    limit = MOST_LLAMACPP_REQUESTS if case["engine"] == "llama.cpp" else MOST_REQUESTS
    return most_requests(case, 0.0, limit)


def longest_context(case: Case):
    """The longest context of this many requests that fits, at most the model's; 0: none."""
    longest = most_tokens(case, 1.0, case["context_limit"])
    return longest if longest > 1.0 else 0.0


def gpus_needed(case: Case, gpus):
    """The fewest GPUs that are enough: `gpus` or a doubling of it; 0 if the heads allow none."""
    changed = {**case, "gpus": gpus}
    if gpus > MOST_GPUS or refusal(changed) != "":
        return 0.0
    if fits(changed):
        return gpus
    return gpus_needed(case, gpus * 2.0)


# Time


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


# The answer


def first_change(case: Case, bound: str, batch):
    """What to change first, as a code."""
    if not fits(case):
        return "smaller-cache" if batch > 0.0 else "smaller-weights"
    if bound == "weights":
        return "batch" if batch > case["concurrency"] else "fewer-bits"
    return bound


def after_change(case: Case, change: str, batch):
    """Tokens per second after it: as many requests as fit, or half the bits; 0 if it is no such."""
    changed = {**case, "gpus": case["gpus"]}
    if change == "batch":
        changed = {**case, "concurrency": batch}
    elif change == "fewer-bits":
        shared, experts = case["shared_bytes"] / 2.0, case["expert_bytes"] / 2.0
        changed = {**case, "shared_bytes": shared, "expert_bytes": experts}
    elif change == "cache":
        key_bits, value_bits = case["key_bits"] / 2.0, case["value_bits"] / 2.0
        changed = {**case, "key_bits": key_bits, "value_bits": value_bits}
    else:
        return 0.0
    return changed["concurrency"] / decode(changed)["seconds"]


def estimate(case: Case):
    """Memory, what would fit, times, rates and cost; what binds, and what to change first.

    A case for which `refusal` has a code may raise.
    """
    memory = memory_of(case)
    batch = largest_concurrency(case)
    first, each = prefill(case), decode(case)
    per_request = requests_per_s(
        case["concurrency"], first["seconds"], case["answer"], each["seconds"]
    )
    sustained = per_request * case["answer"]
    flops_per_s = case["tflops"] * 1000000000000.0 * case["compute_percent"] / 100.0
    bytes_per_s = case["bandwidth_gb_s"] * 1000000000.0 * case["memory_percent"] / 100.0
    change = first_change(case, each["bound"], batch)
    return {
        "memory": memory,
        "fits": memory["free"] >= 0.0,
        "token_bytes": layer_bytes(case) * case["layers"],
        "largest_concurrency": batch,
        "longest_context": longest_context(case),
        "gpus_needed": gpus_needed(case, 1.0),
        "prefill": first,
        "decode": each,
        "tokens_per_s": case["concurrency"] / each["seconds"],
        "each_per_s": 1.0 / each["seconds"],
        "sustained_per_s": sustained,
        "cost_per_million": cost_per_million_tokens(
            case["price_per_hour"], case["gpus"], sustained
        ),
        "flops_per_s": flops_per_s,
        "bytes_per_s": bytes_per_s,
        "ridge": flops_per_s / bytes_per_s,
        "change": change,
        "changed_per_s": after_change(case, change, batch),
    }
