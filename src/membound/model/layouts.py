"""The same weights in other arrays: to time one way to hold them against another.

`weights.arrange` places a model once, in the layout that reads fastest. What is copied here is held
twice, so this is for experiments.
"""

from collections.abc import Collection
from dataclasses import replace
from typing import Literal

import numpy as np

from membound.arrays import Array
from membound.model.weights import LayerWeights, Weights

MATRICES = frozenset({"qkv", "o", "gate_up", "down", "head"})
PARTS = {"qkv": ("q", "k", "v"), "gate_up": ("gate", "up")}


def own_arrays(weights: Weights, kinds: Collection[str], *, order: Literal["C", "F"]) -> Weights:
    """Copy the `MATRICES` named in `kinds`, each into an array of its own; share the others.

    They stay (out, in); `order` "C" lays them in memory like that, "F" as (in, out). Of a fused
    matrix one copy is made, and its parts are views of it. `ValueError` for an unknown kind.
    """
    if unknown := sorted(set(kinds) - MATRICES):
        raise ValueError(f"kinds are among {', '.join(sorted(MATRICES))}, got {unknown[0]!r}")

    def own(layer: LayerWeights) -> LayerWeights:
        arrays = {}
        for kind in set(kinds) - {"head"}:
            arrays[kind] = np.array(getattr(layer, kind), order=order)
            if kind in PARTS:
                arrays |= zip(PARTS[kind], cut(arrays[kind], layer, kind), strict=True)
        return replace(layer, **arrays)

    layers = tuple(own(layer) for layer in weights.layers)
    if "head" not in kinds:
        return replace(weights, layers=layers)
    head = np.array(weights.head, order=order)
    # An embedding is a row of this matrix: looked up in the copy that holds rows in one piece.
    tied = weights.embedding is weights.head
    embedding = head if tied and order == "C" else weights.embedding
    return replace(weights, layers=layers, head=head, embedding=embedding)


def cut(whole: Array, layer: LayerWeights, kind: str) -> list[Array]:
    """Cut the first axis of `whole` as the parts of the fused matrix `kind` lie in it: views."""
    views, start = [], 0
    for part in PARTS[kind]:
        end = start + len(getattr(layer, part))
        views.append(whole[start:end])
        start = end
    return views
