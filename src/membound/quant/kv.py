"""Keys and values in a few bits, per token or per channel.

per token     the channels of one token's head share a line: it is complete as soon as the token
              has come, and never changes
per channel   neighbouring tokens of one channel share a line: an outlier channel, of which keys
              have some, is coarse for itself only; but the line is known only when the group's
              last token has come

KIVI (Liu et al., arXiv 2402.02750, section 3) keeps keys per channel and values per token, in 2
bits, both with the offset line. Codes and lines are kept token by token (or group by group), so
that what comes later is laid behind: see `concatenate`.
"""

from dataclasses import replace

import numpy as np

from membound.arrays import Array, Float32
from membound.quant.integer import Per, QuantizedArray, Scheme, quantize


def quantize_per_token(
    x: Float32, bits: int, *, per: Per = "row", scheme: Scheme = "offset"
) -> QuantizedArray:
    """Quantise `x` (num_kv_heads, num_tokens, head_dim), each token's head by itself.

    `per=32` cuts the head into groups of 32 channels, as KIVI does. Lines are in float16.
    """
    return quantize(x.swapaxes(0, 1), bits=bits, per=per, scheme=scheme, scale_dtype=np.float16)


def read_per_token(quantized: QuantizedArray) -> Float32:
    """The (num_kv_heads, num_tokens, head_dim) that `quantize_per_token` was given, rounded."""
    return quantized.dequantize().swapaxes(0, 1)


def quantize_per_channel(
    x: Float32, bits: int, *, group_size: int = 32, scheme: Scheme = "offset"
) -> QuantizedArray:
    """Quantise `x` (num_kv_heads, num_tokens, head_dim), each channel over `group_size` tokens.

    `num_tokens` must be a multiple of `group_size`: a group is quantised when it is complete.
    """
    num_kv_heads, num_tokens, head_dim = x.shape
    if num_tokens % group_size:
        raise ValueError(f"{num_tokens} tokens are not a whole number of groups of {group_size}")
    groups = x.reshape(num_kv_heads, num_tokens // group_size, group_size, head_dim)
    groups = groups.transpose(1, 0, 3, 2)  # [..., group_size, head_dim] -> [groups, heads, ...]
    return quantize(groups, bits=bits, per="row", scheme=scheme, scale_dtype=np.float16)


def read_per_channel(quantized: QuantizedArray) -> Float32:
    """The (num_kv_heads, num_tokens, head_dim) that `quantize_per_channel` was given, rounded."""
    num_groups, num_kv_heads, head_dim, group_size = quantized.shape
    groups = quantized.dequantize().transpose(1, 0, 3, 2)
    return groups.reshape(num_kv_heads, num_groups * group_size, head_dim)


def concatenate(first: QuantizedArray, second: QuantizedArray) -> QuantizedArray:
    """Lay `second` behind `first` on the first axis: codes are copied, not computed again."""
    joined = {
        name: np.concatenate([part, getattr(second, name)])
        for name, part in _stored_parts(first).items()
    }
    return replace(first, shape=(first.shape[0] + second.shape[0], *first.shape[1:]), **joined)


def keep_first(quantized: QuantizedArray, length: int) -> QuantizedArray:
    """Copy the first `length` of `quantized` on the first axis."""
    num_rows = length * len(quantized.codes) // quantized.shape[0]
    cut = {name: part[:num_rows].copy() for name, part in _stored_parts(quantized).items()}
    return replace(quantized, shape=(length, *quantized.shape[1:]), **cut)


def _stored_parts(quantized: QuantizedArray) -> dict[str, Array]:
    parts = {name: getattr(quantized, name) for name in ("codes", "scale", "zero_point", "low")}
    return {name: part for name, part in parts.items() if part is not None}
