"""What the matrices of a model meet: real inputs, to see outliers in and to quantise for."""

from collections.abc import Sequence

import numpy as np

from membound.arrays import Array, Float32
from membound.decode.quality import run_windows
from membound.model.transformer import linear
from membound.model.weights import Weights


def inputs_of(weights: Weights, windows: Array, matrices: Sequence[Float32]) -> list[Float32]:
    """What each of `matrices`, such as `weights.layers[4].down`, multiplies as `windows` pass.

    `windows` (num_windows, window_size) are independent texts; each result is
    (num_windows * window_size, in). To save time, leave out of `weights` the layers above.
    """
    wanted = [id(matrix) for matrix in matrices]
    seen: dict[int, Float32] = {}

    def multiply(x: Float32, matrix: Float32) -> Float32:
        if id(matrix) in wanted:
            seen[id(matrix)] = x.copy()
        return linear(x, matrix)

    run_windows(weights, windows, multiply=multiply)
    missing = [place for place, key in enumerate(wanted) if key not in seen]
    if missing:
        raise ValueError(f"matrix {missing[0]} of {len(wanted)} is none of the layers' own")
    return [seen[key] for key in wanted]


def outlier_channels(x: Float32, num_channels: int) -> list[tuple[int, float]]:
    """The channels of `x` (num_tokens, width) with the largest magnitude, the largest first.

    Each comes with how many times the median channel's largest magnitude its own is.
    """
    largest = np.abs(x).max(axis=0)
    order = np.argsort(-largest, kind="stable")[:num_channels]
    return [(int(channel), float(largest[channel] / np.median(largest))) for channel in order]
