"""The calculator on its page: what it offers and every word of it, as data for the browser.

The script that reads it, `docs/theme/assets/calculator.mjs`, only lays out and formats; the
arithmetic is `membound.cost.calculator`, which the build turns into JavaScript.
"""

import json
from html import escape
from typing import Any

from membound.cost.inputs import device_inputs, model_inputs, weight_inputs
from membound.cost.kv import KV_BITS, KV_TYPES
from membound.cost.options import CACHES, ENGINES, FIXED, OWN_BITS, START, weight_formats
from membound.cost.spec import ModelSpec
from membound.cost.tables import Device, devices, models
from membound.cost.weights import model_weights
from membound.page.recorder import Translate, emit

# name: (words, least, most, whole)
FIELDS = {
    "context": ("Context, tokens (prompt and answer)", 2, 16_777_216, True),
    "answer": ("of which answer, tokens", 1, 16_777_215, True),
    "concurrency": ("Requests at once", 1, 65_536, True),
    "price_per_hour": ("Price per GPU and hour", 0, 1000, False),
    "memory_percent": ("Bandwidth reached, %", 1, 100, False),
    "compute_percent": ("Arithmetic reached, %", 1, 100, False),
    "chunk": ("Tokens of a prefill pass, at most", 1, 1_048_576, True),
    "kept_percent": ("Kept free, % of the memory", 0, 90, False),
    "kept_gib": ("Kept free, GiB", 0, 100, False),
    "memory_gib": ("Memory, GiB", 0.1, 100_000, False),
    "bandwidth_gb_s": ("Bandwidth, GB/s", 0.1, 1_000_000, False),
    "tflops": ("Dense 16-bit TFLOP/s (0: unknown)", 0, 1_000_000, False),
    "link_gb_s": ("Link to the other GPUs, GB/s (0: unknown)", 0, 1_000_000, False),
    "parameters": ("Parameters", 1000, 1e14, True),
    "expert_parameters": ("of which in experts", 0, 1e14, True),
    "experts": ("Experts (0: none)", 0, 65_536, True),
    "experts_per_token": ("Experts a token uses", 0, 65_536, True),
    "layers": ("Layers", 1, 10_000, True),
    "window_layers": ("of which with a window", 0, 10_000, True),
    "window": ("Window, tokens", 0, 16_777_216, True),
    "heads": ("Query heads", 1, 4096, True),
    "kv_heads": ("KV heads", 1, 4096, True),
    "key_dim": ("head_dim of keys", 1, 65_536, True),
    "value_dim": ("head_dim of values", 1, 65_536, True),
    "kv_lora_rank": ("MLA latent (0: no MLA)", 0, 65_536, True),
    "rope_head_dim": ("MLA rotated key", 0, 65_536, True),
    "hidden_size": ("Hidden size", 1, 1_000_000, True),
    "widest": ("Feed-forward width", 1, 10_000_000, True),
    "vocab_size": ("Vocabulary", 1, 10_000_000, True),
    "context_limit": ("Longest context of the model", 2, 16_777_216, True),
}
OF_MODEL = tuple(FIELDS)[tuple(FIELDS).index("parameters") :]
OF_DEVICE = ("memory_gib", "bandwidth_gb_s", "tflops", "link_gb_s")
ASSUMED = ("memory_percent", "compute_percent", "kept_percent", "kept_gib", "chunk")

WORDS = {
    "calculator": "calculator",
    "model": "Model",
    "weights": "Weights",
    "kv": "KV cache",
    "device": "GPU",
    "gpus": "GPUs (tensor parallel)",
    "engine": "Cache and reserve as in",
    "own": "own numbers",
    "exact": "no engine: tokens counted",
    "of_model": "The model's numbers",
    "of_device": "The GPU's numbers",
    "assumed": "Assumptions",
    "tied": "Embedding and output matrix are one",
    "yes": "yes",
    "no": "no",
    "share": "The address of this page keeps what you choose: copy it to share it.",
    "number": "{name}: a number from {least} to {most} fits here. The last good one is in use.",
    "whole": "{name}: a whole number from {least} to {most} fits here. The last good one is in "
    "use.",
    "context-limit": "This model reads at most {limit} tokens: choose a context up to that.",
    "answer-refused": "The answer leaves no room for a prompt: choose fewer than {context} tokens.",
    "heads-refused": "{heads} query heads cannot be shared out evenly over {gpus} GPUs: choose "
    "a number of GPUs that divides them.",
    "kv-heads-refused": "{kv_heads} KV heads and {gpus} GPUs: one must divide the other.",
    "llama.cpp-gpus": "By default llama.cpp gives each GPU whole layers, and here each layer is "
    "split: choose 1 GPU, or another engine.",
    "llama.cpp-requests": "llama.cpp serves at most 256 requests at once.",
    "no-cache": "{engine} has no cache in {kv}: choose {caches}, or another engine.",
    "cannot": "These numbers have no answer: {why}.",
    "fits": "It fits: {total} of {memory} on each GPU, {free} to spare.",
    "fits-not": "It does not fit: each GPU lacks {missing}.",
    "smaller-cache": "The cache is what is too large. Of this context {batch} fit, and "
    "{concurrency} of {longest} tokens.",
    "fewer-requests": "The cache is what is too large. Of this context {batch} fit.",
    "shorter": "The cache is what is too large. Of this context not one fits, but {concurrency} of "
    "{longest} tokens.",
    "smaller-weights": "Not one request fits beside the weights. Change first: fewer bits a "
    "weight.",
    "enough": "{gpus} such GPUs would hold it.",
    "not-enough": "No number of such GPUs up to 64 that divides the heads would hold it.",
    "replicas": "No group of such GPUs up to 64 would hold it; {replicas} groups as large as this "
    "one, each with its share of the requests, would.",
    "whole-layers": "llama.cpp can share whole layers out over more GPUs, which is not computed "
    "here.",
    "batch": "Memory binds: {share} % of what a step reads are weights, and they are read once for "
    "all requests. Change first: run more at once. {batch} fit, for {after} tokens/s instead of "
    "{now}.",
    "fewer-bits": "Memory binds: {share} % of what a step reads are weights, and no more requests "
    "fit. Change first: the format of the weights. Half the bits: {after} tokens/s instead of "
    "{now}.",
    "cache": "Memory binds: {cache_share} % of what a step reads is cache. Change first: the "
    "format of the cache, or the context. Half the bits: {after} tokens/s instead of {now}.",
    "compute": "Arithmetic binds: more requests would wait longer and get no more tokens. Change "
    "first: the GPU, or their number.",
    "links": "The links between the GPUs bind. Change first: fewer GPUs with fewer bits a weight, "
    "or a faster link.",
    "part-weights": "weights",
    "part-cache": "KV cache",
    "part-activations": "activations",
    "part-reserve": "kept free",
    "part-total": "total",
    "part-memory": "memory of a GPU",
    "per-gpu": "On each GPU",
    "would-fit": "What would fit",
    "how-fast": "How fast",
    "token": "cache of one token",
    "longest": "longest context, this many requests",
    "largest": "most requests at once, this context",
    "needed": "GPUs needed",
    "ttft": "time to the first token (TTFT), prompt alone",
    "tpot": "time per output token (TPOT)",
    "each": "tokens/s of one request",
    "all": "tokens/s of all, decoding",
    "sustained": "tokens/s of all, prefills included",
    "cost": "price of a million output tokens",
    "unknown": "unknown: this device's peak is not published",
    "roofline": "A step of decode and a prefill on this GPU's roofline",
    "roofline-x": "operations per byte",
    "roofline-y": "operations per second",
    "decode": "decode",
    "prefill": "prefill",
    "none": "none",
}


def show_calculator() -> None:
    """Show the calculator: its place on the page, its data, and its script."""
    emit(_to_html)


def calculator_data() -> dict[str, Any]:
    """What a reader can choose, each choice with the inputs that it sets."""
    return {
        "models": {name: _model(spec) for name, spec in models().items()},
        "devices": {name: _device(device) for name, device in devices().items()},
        "caches": {name: KV_BITS[name] for name in CACHES},
        "engines": ENGINES,
        "engine_caches": {
            engine: [name for name in CACHES if name in KV_TYPES[engine]] for engine in ENGINES
        },
        "own_bits": OWN_BITS,
        "start": START,
        "fixed": FIXED,
        "chosen": {
            "model": "llama-3.1-8b",
            "weights": "bf16",
            "kv": "f16",
            "device": "h100-sxm",
            "engine": "vllm",
        },
        "of_model": OF_MODEL,
        "of_device": OF_DEVICE,
        "assumed": ASSUMED,
    }


def _model(spec: ModelSpec) -> dict[str, Any]:
    weights = {name: weight_inputs(model_weights(spec, name)) for name in weight_formats(spec)}
    whole = model_weights(spec, "f32")
    known = {
        "parameters": float(whole.num_params),
        "expert_parameters": whole.expert_bytes / 4,
        "tied": spec.tied_embeddings,
    }
    return {"inputs": model_inputs(spec) | known, "weights": weights}


def _device(device: Device) -> dict[str, Any]:
    return {
        "inputs": device_inputs(device, ""),
        "tflops": {name: device_inputs(device, name)["tflops"] for name in ("fp8", "int8")},
    }


def _to_html(translate: Translate) -> str:
    fields = {
        name: {"words": translate(words), "least": least, "most": most, "whole": whole}
        for name, (words, least, most, whole) in FIELDS.items()
    }
    words = {name: translate(text) for name, text in WORDS.items()}
    data = json.dumps(calculator_data() | {"fields": fields, "words": words}, ensure_ascii=False)
    data = data.replace("<", r"\u003c")  # the text must not end the element that holds it
    missing = translate("The calculator needs JavaScript; the table below does not.")
    return (
        f'\n<div class="calculator" id="calculator"><noscript>{escape(missing)}</noscript></div>\n'
        f'<script type="application/json" id="calculator-data">{data}</script>\n'
        '<script type="module" src="../assets/calculator.mjs"></script>\n\n'
    )
