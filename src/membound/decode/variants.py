"""One change to a model at a time, each measured against the unchanged one on the same text.

A variant rounds the matrices of the layers, what they are multiplied by, or keys and values. It
does so as they are used: the model stays as it is, and no second copy is held. The embedding and
the head, one and the same matrix in the real model, are never rounded.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from types import SimpleNamespace

import numpy as np

from membound.arrays import Array, Float32
from membound.attention.plain import attention
from membound.decode.quality import Quality, compare, log_probabilities
from membound.decode.roundings import (
    Rounding,
    attention_with_recent,
    gguf_blocks,
    integers,
    keys_per_channel,
)
from membound.gguf.reader import GGUFFile
from membound.model.transformer import linear
from membound.model.weights import Weights, load_weights
from membound.quant.degrid import degrid


@dataclass(frozen=True)
class Variant:
    """What is rounded, and how; None stays as it is. Of keys and values both or neither are."""

    name: str
    matrices: Rounding | None = None
    inputs: Rounding | None = None
    keys: Rounding | None = None
    values: Rounding | None = None
    residual: int = 0  # so many recent tokens' keys and values stay exact


@dataclass(frozen=True)
class Measured:
    """A variant's name, the stored bits of a rounded value, scales included, and what it costs."""

    name: str
    bits: float
    quality: Quality


def measure_variants(
    weights: Weights, windows: Array, variants: Iterable[Variant], before: Float32 | None = None
) -> Iterator[Measured]:
    """Measure each variant in turn, yielding as it goes.

    `before` is `log_probabilities` of the weights as they are: pass it on where there are several
    lists of variants.
    """
    if before is None:
        before = log_probabilities(weights, windows)
    for variant in variants:
        yield measure(weights, windows, variant, before)


def measure(weights: Weights, windows: Array, variant: Variant, before: Float32) -> Measured:
    """Measure one variant."""
    num_bytes = num_values = 0

    def rounded(array: Float32, rounding: Rounding | None) -> Float32:
        nonlocal num_bytes, num_values
        if rounding is None:
            return array
        result, its_bytes = rounding(array)
        num_bytes, num_values = num_bytes + its_bytes, num_values + array.size
        return result

    def multiply(x: Float32, matrix: Float32) -> Float32:
        return linear(rounded(x, variant.inputs), rounded(matrix, variant.matrices))

    def attend(q: Float32, k: Float32, v: Float32) -> Float32:
        rounded_k, rounded_v = rounded(k, variant.keys), rounded(v, variant.values)
        if variant.residual == 0:
            return attention(q, rounded_k, rounded_v)
        return attention_with_recent(
            q, k, v, rounded_k=rounded_k, rounded_v=rounded_v, residual=variant.residual
        )

    after = log_probabilities(weights, windows, attend=attend, multiply=multiply)
    if num_values == 0:
        raise ValueError(f"variant {variant.name!r} rounds nothing")
    return Measured(variant.name, 8 * num_bytes / num_values, compare(windows, before, after))


WEIGHTS = (
    Variant("INT8 per tensor", matrices=integers(8, "tensor")),
    Variant("INT8 per row", matrices=integers(8, "row")),
    Variant("Q8_0", matrices=gguf_blocks("Q8_0")),
    Variant("Q5_0", matrices=gguf_blocks("Q5_0")),
    Variant("Q4_1", matrices=gguf_blocks("Q4_1")),
    Variant("Q4_0", matrices=gguf_blocks("Q4_0")),
    Variant("INT4 offset, groups of 32", matrices=integers(4, 32, "offset")),
    Variant("INT4 affine, groups of 32", matrices=integers(4, 32, "affine")),
    Variant("INT4 symmetric, groups of 32", matrices=integers(4, 32)),
    Variant("INT4 offset, groups of 64", matrices=integers(4, 64, "offset")),
    Variant("INT4 symmetric, groups of 64", matrices=integers(4, 64)),
    Variant("INT4 affine per row", matrices=integers(4, "row", "affine")),
    Variant("INT4 symmetric per row", matrices=integers(4, "row")),
    Variant("INT4 symmetric per tensor", matrices=integers(4, "tensor")),
)

ACTIVATIONS = (
    Variant("INT8 activations per tensor", inputs=integers(8, "tensor", "symmetric", np.float32)),
    Variant("INT8 activations per token", inputs=integers(8, "row", "symmetric", np.float32)),
    Variant("INT8 activations per 32", inputs=integers(8, 32, "symmetric", np.float32)),
)


def kv_variant(name: str, keys: Rounding, values: Rounding, residual: int = 0) -> Variant:
    """A variant of the KV cache."""
    return Variant(name, keys=keys, values=values, residual=residual)


KV_CACHE = (
    kv_variant("KV INT8 per token", integers(8, "row"), integers(8, "row")),
    kv_variant("KV INT4 per token", integers(4, "row", "offset"), integers(4, "row", "offset")),
    kv_variant("KV INT4 symmetric per token", integers(4, "row"), integers(4, "row")),
    kv_variant("KV INT4 as KIVI", keys_per_channel(4), integers(4, 32, "offset")),
    kv_variant("KV INT2 per token", integers(2, 32, "offset"), integers(2, 32, "offset")),
    kv_variant("KV INT2 as KIVI", keys_per_channel(2), integers(2, 32, "offset")),
    kv_variant("KV INT2 as KIVI, 32 recent", keys_per_channel(2), integers(2, 32, "offset"), 32),
    kv_variant("KV INT2 as KIVI, 128 recent", keys_per_channel(2), integers(2, 32, "offset"), 128),
)


def degridded(gguf: GGUFFile, seed: int) -> Weights:
    """Load a model with each Q4_1 matrix off its grid (see `membound.quant.degrid`)."""
    names = list(gguf.tensors)

    def tensor(name: str) -> Float32:
        if gguf.tensors[name].type_name != "Q4_1":
            return gguf.tensor(name)
        return degrid(gguf.tensor(name), (seed, names.index(name)))

    return load_weights(
        SimpleNamespace(metadata=gguf.metadata, tensors=gguf.tensors, tensor=tensor)
    )
