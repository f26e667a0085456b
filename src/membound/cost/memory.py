"""What lies on each GPU, in bytes, and how much more would: `formulas` for a `Case`.

Written in the part of Python that becomes JavaScript. What would fit is found by bisection, for
more never fits where less does not.
"""

import math

from membound.cost.case import MOST_LLAMACPP_REQUESTS, Case, refusal
from membound.cost.formulas import (
    activation_bytes,
    kv_bytes,
    kv_heads_per_gpu,
    kv_layer_bytes,
    latent_layer_bytes,
    llamacpp_kv_bytes,
    nccl_bytes,
    vllm_kv_bytes,
)

GIB = 1073741824.0
MOST_GPUS = 64.0
MOST_REQUESTS = 1048576.0


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
