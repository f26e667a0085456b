"""The whole answer to a `Case`: memory, times, rates and cost, what binds and what to change first.

It is what the page's calculator shows, which runs this module and those below it as JavaScript.
"""

from membound.cost.case import Case
from membound.cost.formulas import (
    cost_per_million_tokens,
    requests_per_s,
)
from membound.cost.memory import (
    fits,
    gpus_needed,
    largest_concurrency,
    layer_bytes,
    longest_context,
    memory_of,
)
from membound.cost.passes import (
    decode,
    prefill,
)


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
