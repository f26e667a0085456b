"""A deployment as one record of numbers: what is asked, and why it may have no answer.

Like `formulas` this is the part of Python that becomes JavaScript, for the page's calculator.
"""

import math
from typing import TypedDict

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
    if case["engine"] == "llama.cpp" and case["concurrency"] > MOST_LLAMACPP_REQUESTS:
        return "llama.cpp-requests"
    if not divides(case["gpus"], case["heads"]):
        return "heads"
    fewer, more = min(case["gpus"], case["kv_heads"]), max(case["gpus"], case["kv_heads"])
    return "" if divides(fewer, more) else "kv-heads"
