"""Ways to round an array, each with the bytes that the result would take.

A rounding takes a float32 array and returns it as it reads after quantisation, and its bytes with
scales. What is rounded so, and what that costs the model, is the matter of `variants`.
"""

from collections.abc import Callable

import numpy as np

from membound.arrays import Float32
from membound.attention.plain import causal_mask
from membound.maths.softmax import softmax
from membound.quant import blocks
from membound.quant.integer import Per, Scheme, quantize
from membound.quant.kv import quantize_per_channel, read_per_channel

Rounding = Callable[[Float32], tuple[Float32, int]]


def integers(
    bits: int, per: Per, scheme: Scheme = "symmetric", scale_dtype: type[np.floating] = np.float16
) -> Rounding:
    """Round as `membound.quant.integer.quantize` does."""

    def rounded(array: Float32) -> tuple[Float32, int]:
        quantized = quantize(array, bits=bits, per=per, scheme=scheme, scale_dtype=scale_dtype)
        return quantized.dequantize(), quantized.nbytes

    return rounded


def gguf_blocks(format_name: str) -> Rounding:
    """Round to a GGUF format and back."""

    def rounded(array: Float32) -> tuple[Float32, int]:
        raw = blocks.quantize(array, format_name)
        return blocks.dequantize(raw, format_name, array.shape), raw.nbytes

    return rounded


def keys_per_channel(bits: int, group_size: int = 32) -> Rounding:
    """Round keys (num_kv_heads, num_tokens, head_dim) by channel, in groups of tokens, as KIVI."""

    def rounded(keys: Float32) -> tuple[Float32, int]:
        quantized = quantize_per_channel(keys, bits, group_size=group_size)
        return read_per_channel(quantized), quantized.nbytes

    return rounded


def attention_with_recent(
    q: Float32,
    k: Float32,
    v: Float32,
    *,
    rounded_k: Float32,
    rounded_v: Float32,
    residual: int,
) -> Float32:
    """What `membound.cache.kivi` lets each token see, were they decoded one by one; all at once.

    The token at position t sees rounded keys up to the last multiple of `residual`, rounded values
    but for the `residual` before it, and the rest as they are. Shapes are those of `attention`.
    """
    group, num_tokens = len(q) // len(k), q.shape[1]
    k, v, rounded_k, rounded_v = (np.repeat(x, group, 0) for x in (k, v, rounded_k, rounded_v))
    position = np.arange(num_tokens)
    query = position[:, None]
    scores = np.where(
        position < query // residual * residual,
        q @ rounded_k.swapaxes(-1, -2),
        q @ k.swapaxes(-1, -2),
    ) / np.float32(np.sqrt(q.shape[-1]))
    scores[:, ~causal_mask(num_tokens, num_tokens)] = -np.inf
    shares = softmax(scores)
    old = position < query - residual
    return np.where(old, shares, 0) @ rounded_v + np.where(old, 0, shares) @ v
