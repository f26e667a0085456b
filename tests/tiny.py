"""A Llama of a few hundred weights: every part is there, and a forward pass takes a millisecond."""

from types import SimpleNamespace

import numpy as np

from membound.model.config import ModelConfig
from membound.model.weights import Weights, random_weights, tensor_shapes

CONFIG = ModelConfig(
    vocab_size=50,
    hidden_size=24,
    intermediate_size=40,
    num_layers=3,
    num_heads=6,
    num_kv_heads=2,
    head_dim=8,  # not hidden_size / num_heads: the two are different things
    context_length=64,
)

METADATA = {
    "general.architecture": "llama",
    "llama.block_count": 3,
    "llama.context_length": 64,
    "llama.embedding_length": 24,
    "llama.feed_forward_length": 40,
    "llama.attention.head_count": 6,
    "llama.attention.head_count_kv": 2,
    "llama.attention.key_length": 8,
    "llama.attention.layer_norm_rms_epsilon": 1e-5,
    "tokenizer.ggml.tokens": ["x"] * 50,
}


def weights(seed: int = 0, *, tied: bool = True) -> Weights:
    """Random weights for `CONFIG`."""
    return random_weights(CONFIG, seed=seed, tied=tied)


def gguf_file(*, tied: bool = True) -> SimpleNamespace:
    """What `load_weights` asks of a GGUF file: `metadata`, `tensors`, `tensor(name)`."""
    rng = np.random.default_rng(1)
    arrays = {
        name: rng.normal(size=shape).astype(np.float32)
        for name, shape in tensor_shapes(CONFIG, tied=tied).items()
    }
    return SimpleNamespace(metadata=dict(METADATA), tensors=arrays, tensor=arrays.__getitem__)
