"""A GGUF file as a model: configuration, weights, tokenizer, and the passes over them."""

import os

from membound.arrays import Float32, TokenIds
from membound.cache.contiguous import ContiguousCache
from membound.cache.interface import KVCache
from membound.gguf.reader import read_gguf
from membound.model import transformer
from membound.model.config import ModelConfig
from membound.model.fast import FastDecoder
from membound.model.weights import Weights, load_weights
from membound.tokenizer.bpe import Tokenizer


class Model:
    """Weights and what can be done with them; `tokenizer` is None for a model without words."""

    def __init__(self, weights: Weights, tokenizer: Tokenizer | None = None):
        self.weights = weights
        self.tokenizer = tokenizer
        self._fast = FastDecoder(weights)

    @property
    def config(self) -> ModelConfig:
        """The model's sizes."""
        return self.weights.config

    def new_cache(self, capacity: int) -> ContiguousCache:
        """Room for the keys and values of `capacity` tokens."""
        config = self.config
        return ContiguousCache(config.num_layers, config.num_kv_heads, config.head_dim, capacity)

    def forward(self, token_ids: TokenIds, cache: KVCache) -> Float32:
        """Logits (seq_len, vocab_size) of tokens that follow those in `cache`."""
        return transformer.forward(self.weights, token_ids, cache)

    def prefill(self, token_ids: TokenIds, cache: KVCache) -> Float32:
        """Logits (vocab_size,) of the last of the tokens that follow those in `cache`."""
        return transformer.forward(self.weights, token_ids, cache, last_only=True)[0]

    def decode(self, token_id: int, cache: KVCache) -> Float32:
        """Logits (vocab_size,) of one token that follows those in `cache`."""
        return self._fast.decode(token_id, cache)


def load_model(path: str | os.PathLike[str]) -> Model:
    """Load a Llama-family GGUF file with a byte-level BPE tokenizer.

    The weights become float32: four bytes each, whatever they take up in the file. A file of
    another kind raises `ValueError`, and a path that leads nowhere `FileNotFoundError`.
    """
    with read_gguf(path) as gguf:
        tokenizer = Tokenizer.from_metadata(gguf.metadata)
        return Model(load_weights(gguf), tokenizer)
