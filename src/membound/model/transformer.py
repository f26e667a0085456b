"""The Llama transformer's forward pass, written to be read: the oracle.

    x ← x + W_o · attention(W_q h, W_k h, W_v h)    h = rms_norm(x), q and k rotated
    x ← x + W_down · swiglu(W_gate h, W_up h)       h = rms_norm(x)

for each layer, then one more norm and the head. Touvron et al., "LLaMA" (arXiv 2302.13971),
section 2.2; the grouped heads are Llama 2's (arXiv 2307.09288). `fast` computes the same for one
token at a time.
"""

from collections.abc import Callable

import numpy as np

from membound.arrays import Array, Complex64, Float32, TokenIds
from membound.attention.plain import attention
from membound.cache.interface import KVCache
from membound.maths.activations import swiglu
from membound.maths.norms import rms_norm
from membound.maths.rotary import rotate
from membound.model.config import ModelConfig
from membound.model.weights import LayerWeights, Weights

# attend(layer, q, k, v): the new tokens' queries, keys and values in, what they attend to out.
Attend = Callable[[int, Float32, Float32, Float32], Float32]

# multiply(x, matrix): `linear`, or an experiment that rounds what goes into the product.
Multiply = Callable[[Float32, Float32], Float32]


def linear(x: Float32, matrix: Float32) -> Float32:
    """Multiply `x` (seq_len, in) by a `matrix` (out, in): (seq_len, out)."""
    return x @ matrix.T


def split_heads(x: Float32, head_dim: int) -> Float32:
    """[seq_len, num_heads * head_dim] -> [num_heads, seq_len, head_dim]."""
    return x.reshape(len(x), -1, head_dim).swapaxes(0, 1)


def join_heads(x: Float32) -> Float32:
    """[num_heads, seq_len, head_dim] -> [seq_len, num_heads * head_dim]."""
    return x.swapaxes(0, 1).reshape(x.shape[1], -1)


def attention_part(
    h: Float32,
    layer: LayerWeights,
    rotations: Complex64,
    attend: Callable[[Float32, Float32, Float32], Float32],
    multiply: Multiply = linear,
) -> Float32:
    """Look at other tokens: `h` (seq_len, hidden_size) in, what to add to x out."""
    head_dim = 2 * rotations.shape[-1]
    q = rotate(split_heads(multiply(h, layer.q), head_dim), rotations)
    k = rotate(split_heads(multiply(h, layer.k), head_dim), rotations)
    v = split_heads(multiply(h, layer.v), head_dim)
    return multiply(join_heads(attend(q, k, v)), layer.o)


def mlp_part(h: Float32, layer: LayerWeights, multiply: Multiply = linear) -> Float32:
    """Work on each token by itself: `h` (seq_len, hidden_size) in, what to add to x out."""
    return multiply(swiglu(multiply(h, layer.gate), multiply(h, layer.up)), layer.down)


def hidden_states(
    weights: Weights,
    token_ids: TokenIds,
    positions: Array,
    attend: Attend,
    multiply: Multiply = linear,
) -> Float32:
    """Run all blocks: tokens at `positions` (seq_len,) in, (seq_len, hidden_size) out.

    Only `attend` lets tokens meet, so it decides what a sequence is: it may keep a cache, or keep
    the tokens of several requests apart. Only `multiply` touches the layers' matrices: it decides
    in what precision they and what meets them are.
    """
    eps = weights.config.norm_eps
    x = weights.embedding[np.asarray(token_ids)]
    rotations = weights.rotations(positions)
    for index, layer in enumerate(weights.layers):
        h = rms_norm(x, layer.attn_norm, eps)
        x = x + attention_part(h, layer, rotations, lambda *qkv, i=index: attend(i, *qkv), multiply)
        h = rms_norm(x, layer.mlp_norm, eps)
        x = x + mlp_part(h, layer, multiply)
    return rms_norm(x, weights.norm, eps)


def check_tokens(config: ModelConfig, token_ids: TokenIds, num_past: int) -> None:
    """Refuse tokens that the model has no embedding or no position for."""
    ids = np.asarray(token_ids)
    if ids.ndim != 1 or ids.size == 0:
        raise ValueError(f"token_ids must be a list of at least one id, got shape {ids.shape}")
    if ids.dtype.kind not in "iu":
        raise ValueError(f"token_ids must be whole numbers, got {ids.dtype}")
    if ids.min() < 0 or ids.max() >= config.vocab_size:
        wrong = ids[(ids < 0) | (ids >= config.vocab_size)][0]
        raise ValueError(f"token ids go from 0 to {config.vocab_size - 1}, got {wrong}")
    if num_past + ids.size > config.context_length:
        raise ValueError(
            f"{ids.size} tokens after {num_past} exceed the context of {config.context_length}"
        )


def forward(
    weights: Weights, token_ids: TokenIds, cache: KVCache, *, last_only: bool = False
) -> Float32:
    """Process tokens that follow those in `cache`, and leave theirs in it.

    Returns logits (seq_len, vocab_size), one row per token; with `last_only` the last row alone,
    (1, vocab_size). Prefill and decode differ in the number of tokens only.
    """
    num_past, num_new = cache.num_tokens, len(token_ids)
    check_tokens(weights.config, token_ids, num_past)

    def attend(layer: int, q: Float32, k: Float32, v: Float32) -> Float32:
        keys, values = cache.append(layer, k, v)
        return attention(q, keys, values, visible=cache.visible(num_new))

    positions = np.arange(num_past, num_past + num_new)
    hidden = hidden_states(weights, token_ids, positions, attend)
    cache.advance(num_new)
    return hidden[-1 if last_only else 0 :] @ weights.head.T


def forward_uncached(weights: Weights, token_ids: TokenIds, *, last_only: bool = False) -> Float32:
    """Process a whole sequence and keep nothing; returns what `forward` does."""
    check_tokens(weights.config, token_ids, 0)
    hidden = hidden_states(
        weights, token_ids, np.arange(len(token_ids)), lambda _, q, k, v: attention(q, k, v)
    )
    return hidden[-1 if last_only else 0 :] @ weights.head.T
