"""One decoder, eight times: each rung changes one thing of the rung below it, and not the tokens.

    float64 leaks in        NumPy 2 lets one float64 scalar widen every array that it meets
    textbook, float32       a product per matrix, K and V concatenated, heads repeated
    cache in place          K and V written into room taken once
    fused products          q, k, v in one product; gate and up in another
    grouped heads           K @ q for all query heads of a K and V head at once
    buffers reused          `FastDecoder`, each matrix read by `np.dot` as (out, in)
    layout per matrix       `FastDecoder` with the layout and product that read each one best
    one block               the same, the matrices side by side in huge pages

The last is what `Model.decode` does. All hold the same numbers; the page on the ladder times them.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np

from membound.arrays import Array, Complex64
from membound.cache.concatenated import ConcatenatedCache
from membound.cache.contiguous import ContiguousCache
from membound.cache.interface import KVCache
from membound.maths.activations import swiglu
from membound.maths.norms import rms_norm
from membound.maths.softmax import softmax
from membound.model.fast import FastDecoder
from membound.model.layouts import MATRICES, PARTS, cut, own_arrays
from membound.model.transformer import check_tokens
from membound.model.weights import IN_OUT, LayerWeights, Weights

Project = Callable[[Array, LayerWeights, str], list[Array]]
Attend = Callable[[Array, Array, Array], Array]


@dataclass(frozen=True)
class Rung:
    """A way to decode: `decode(token_id, cache)` returns the logits (vocab_size,)."""

    name: str
    weights: Weights
    decode: Callable[[int, KVCache], Array]
    new_cache: Callable[[int], KVCache]


def ladder(weights: Weights) -> tuple[Rung, ...]:
    """Return the rungs, the slowest first. They hold most of the weights two times more."""
    plain = own_arrays(weights, MATRICES, order="C")
    laid_out = own_arrays(plain, IN_OUT, order="F")
    sizes = weights.config.num_layers, weights.config.num_kv_heads, weights.config.head_dim

    def grown(_: int) -> KVCache:
        return ConcatenatedCache(*sizes)

    def in_place(capacity: int) -> KVCache:
        return ContiguousCache(*sizes, capacity)

    textbook = partial(step, plain)
    leaking = partial(attend_repeated, sqrt=np.sqrt)
    return (
        Rung("float64 leaks in", plain, partial(textbook, attend=leaking), grown),
        Rung("textbook, float32", plain, textbook, grown),
        Rung("cache in place", plain, textbook, in_place),
        Rung("fused products", plain, partial(textbook, project=at_once), in_place),
        Rung(
            "grouped heads",
            plain,
            partial(textbook, project=at_once, attend=attend_grouped),
            in_place,
        ),
        Rung("buffers reused", plain, DotDecoder(plain).decode, in_place),
        Rung("layout per matrix", laid_out, FastDecoder(laid_out).decode, in_place),
        Rung("one block", weights, FastDecoder(weights).decode, in_place),
    )


class DotDecoder(FastDecoder):
    """`FastDecoder`, with `np.dot` for each product."""

    read_short_rows = staticmethod(np.dot)


def each(h: Array, layer: LayerWeights, kind: str) -> list[Array]:
    """A product per matrix."""
    return [h @ getattr(layer, part).T for part in PARTS[kind]]


def at_once(h: Array, layer: LayerWeights, kind: str) -> list[Array]:
    """One product for all matrices with the same input: the result is cut, not the work."""
    return [y.T for y in cut((h @ getattr(layer, kind).T).T, layer, kind)]


def attend_repeated(
    q: Array,
    keys: Array,
    values: Array,
    sqrt: Callable[[int], float] = math.sqrt,
) -> Array:
    """Attend with `q` (num_heads, 1, head_dim), a copy of K and V for every query head.

    math.sqrt(64) is a Python float, which takes on the dtype of what it divides; np.sqrt(64) is a
    float64 scalar, which in NumPy 2 imposes its own (NEP 50).
    """
    group = len(q) // len(keys)
    keys = np.repeat(keys, group, axis=0)
    values = np.repeat(values, group, axis=0)
    scores = q @ keys.swapaxes(1, 2) / sqrt(q.shape[-1])
    return softmax(scores) @ values


def attend_grouped(q: Array, keys: Array, values: Array) -> Array:
    """The same; the query heads that share a K and V head share its product too."""
    num_heads, _, head_dim = q.shape
    grouped = q.reshape(len(keys), num_heads // len(keys), head_dim)
    scores = np.matmul(keys, grouped.swapaxes(1, 2)).swapaxes(1, 2)
    scores = np.ascontiguousarray(scores) / math.sqrt(head_dim)
    return (softmax(scores) @ values).reshape(num_heads, 1, head_dim)


def step(
    weights: Weights,
    token_id: int,
    cache: KVCache,
    *,
    project: Project = each,
    attend: Attend = attend_repeated,
) -> Array:
    """Process the token that follows those in `cache`, a new array for every result."""
    config, eps = weights.config, weights.config.norm_eps
    check_tokens(config, [token_id], cache.num_tokens)
    rotations = weights.rotations(cache.num_tokens)
    x = weights.embedding[[token_id]]
    for index, layer in enumerate(weights.layers):
        h = rms_norm(x, layer.attn_norm, eps)
        projected = project(h, layer, "qkv")
        q, k, v = (y.reshape(-1, 1, config.head_dim) for y in projected)
        keys, values = cache.append(index, rotate(k, rotations), v)
        attended = attend(rotate(q, rotations), keys, values)
        x = x + attended.reshape(1, -1) @ layer.o.T
        h = rms_norm(x, layer.mlp_norm, eps)
        x = x + swiglu(*project(h, layer, "gate_up")) @ layer.down.T
    cache.advance(1)
    return (rms_norm(x, weights.norm, eps) @ weights.head.T)[0]


def rotate(x: Array, rotations: Complex64) -> Array:
    """`rotary.rotate`, which would take float64 numbers for pairs of float32 ones."""
    pairs = x.view(np.result_type(x.dtype, np.complex64))
    return (pairs * rotations).view(x.dtype)
