"""A `ModelSpec` and its `Weights` from the header of a GGUF file; no tensor is read.

Which keys there are: docs/gguf.md in ggml, and src/llama-arch.cpp in llama.cpp@0c1e57098.
"""

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from membound.cost.spec import ARCHITECTURES, ModelSpec
from membound.cost.tensors import Tensor
from membound.cost.weights import Weights, sum_weights
from membound.gguf.reader import GGUFFile, read_gguf
from membound.quoted import quote, whole

# Where the file does not say which layers slide: each Nth is full (src/models/*.cpp).
FULL_EVERY = {"gemma2": 2, "gemma3": 6, "gpt-oss": 2}


def read_gguf_header(path: Path) -> tuple[ModelSpec, Weights]:
    """The shapes and the true bytes of the tensors in a file."""
    with read_gguf(path) as file:
        spec = header_spec(file, path.stem)
        sized = [(Tensor(name, info.shape), info.nbytes) for name, info in file.tensors.items()]
        mostly = Counter()
        for info in file.tensors.values():
            mostly[info.type_name] += info.nbytes
        name = f"{mostly.most_common(1)[0][0]} file"
        return spec, sum_weights(spec, sized, name, f"the tensors of {path.name}")


def header_spec(file: GGUFFile, name: str) -> ModelSpec:
    """The shapes that the metadata fixes; a missing or unusable key is named."""
    metadata = file.metadata
    architecture = metadata.get("general.architecture")
    if not (isinstance(architecture, str) and architecture in ARCHITECTURES):
        raise ValueError(
            f"general.architecture must be one of {', '.join(ARCHITECTURES)}, whose layers are "
            f"known here; got {quote(architecture)}"
        )
    num_files = whole(metadata, "split.count", 1, least=0)
    if num_files > 1:
        raise ValueError(f"a model must be in one file to be added up; this is one of {num_files}")
    if "token_embd.weight" not in file.tensors:
        raise ValueError("the file has no token_embd.weight, which every model here needs")
    keys = {
        key.removeprefix(f"{architecture}."): value
        for key, value in metadata.items()
        if key.startswith(f"{architecture}.")
    }
    num_heads, hidden = (
        whole(keys, "attention.head_count"),
        whole(keys, "embedding_length"),
    )
    # Layers that draft are not counted as layers.
    nextn = whole(keys, "nextn_predict_layers", 0, least=0)
    given = metadata.get("general.name")
    fields = {
        "name": given if isinstance(given, str) and given.isprintable() else name,
        "architecture": architecture,
        "vocab_size": file.tensors["token_embd.weight"].shape[0],
        "hidden_size": hidden,
        "num_layers": whole(keys, "block_count") - nextn,
        "num_heads": num_heads,
        "num_kv_heads": whole(keys, "attention.head_count_kv", num_heads),
        "head_dim": whole(keys, "attention.key_length", hidden // num_heads),
        "intermediate_size": _intermediate_size(keys),
        "tied_embeddings": "output.weight" not in file.tensors,
        "context_length": whole(keys, "context_length"),
        "source": file.path,
        "verified": True,
    }
    fields["value_dim"] = whole(keys, "attention.value_length", fields["head_dim"])
    return ModelSpec(**fields | _latent(keys) | _windows(keys, architecture) | _experts(keys))


def _intermediate_size(keys: Mapping[str, Any]) -> int:
    if whole(keys, "feed_forward_length", 0, least=0) or "expert_feed_forward_length" not in keys:
        return whole(keys, "feed_forward_length")
    return whole(keys, "expert_feed_forward_length")


def _latent(keys: Mapping[str, Any]) -> dict[str, int]:
    """MLA; older files lack its keys, and llama.cpp then caches whole keys and values."""
    if "attention.key_length_mla" not in keys:
        return {}
    return {
        "num_kv_heads": whole(keys, "attention.head_count"),
        "head_dim": whole(keys, "attention.key_length_mla"),
        "value_dim": whole(keys, "attention.value_length_mla"),
        "kv_lora_rank": whole(keys, "attention.kv_lora_rank"),
        "q_lora_rank": whole(keys, "attention.q_lora_rank", 0, least=0),
        "rope_head_dim": whole(keys, "rope.dimension_count"),
    }


def _windows(keys: Mapping[str, Any], architecture: str) -> dict[str, int]:
    window = whole(keys, "attention.sliding_window", 0, least=0)
    if architecture not in FULL_EVERY or not window:
        return {}
    num_layers = whole(keys, "block_count")
    pattern = keys.get("attention.sliding_window_pattern")
    if isinstance(pattern, np.ndarray):  # a flag for each layer
        sliding = int(np.count_nonzero(pattern))
    else:
        every = whole(keys, "attention.sliding_window_pattern", FULL_EVERY[architecture])
        sliding = num_layers - num_layers // every
    return {"window": window, "num_window_layers": sliding}


def _experts(keys: Mapping[str, Any]) -> dict[str, int]:
    if not whole(keys, "expert_count", 0, least=0):
        return {}
    return {
        "num_experts": whole(keys, "expert_count"),
        "experts_per_token": whole(keys, "expert_used_count"),
        "expert_size": whole(keys, "expert_feed_forward_length", keys.get("feed_forward_length")),
        "num_shared_experts": whole(keys, "expert_shared_count", 0, least=0),
        "num_dense_layers": whole(keys, "leading_dense_block_count", 0, least=0),
    }
