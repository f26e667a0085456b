"""One training step, written out and counted: forward, backward, Adam.

A tower of matrices with a ReLU between them, which has to name the right class for each token. For
each matrix W (out, in) and the vectors x (tokens, in) that reach it,

    forward     y  = x Wᵀ        2 · tokens · in · out FLOPs
    backward    dW = dyᵀ x       as many: what the weights are changed by
                dx = dy W        as many: what the matrix below gets for its dy

so a training step costs three times a forward pass: 6 FLOPs per weight and token (Kaplan et al.,
"Scaling Laws", arXiv 2001.08361, section 2.1). dW needs the x of the forward pass: until then all
of them are kept. Adam is Kingma and Ba's (arXiv 1412.6980), algorithm 1.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from membound.arrays import Array
from membound.maths.softmax import softmax


@dataclass
class Tally:
    """Multiplies, and counts: 2 FLOPs per number of `a` and column of `b`."""

    flops: int = 0

    def multiply(self, a: Array, b: Array) -> Array:
        """Return a @ b."""
        self.flops += 2 * a.size * b.shape[-1]
        return a @ b


def make_tower(widths: Sequence[int], *, seed: int, dtype: str = "float32") -> list[Array]:
    """Return random matrices (widths[1], widths[0]), (widths[2], widths[1]), ..."""
    if len(widths) < 2 or min(widths) < 1:
        raise ValueError(f"a tower needs two widths of at least 1, got {list(widths)}")
    rng = np.random.default_rng(seed)
    shapes = zip(widths[1:], widths[:-1], strict=True)
    return [rng.normal(0, (2 / i) ** 0.5, (o, i)).astype(dtype) for o, i in shapes]


def forward(weights: Sequence[Array], x: Array, tally: Tally) -> tuple[Array, list[Array]]:
    """Return the logits (tokens, classes) of `x` (tokens, in), and the inputs of every matrix."""
    inputs = []
    for index, W in enumerate(weights):
        inputs.append(np.maximum(x, 0) if index else x)
        x = tally.multiply(inputs[-1], W.T)
    return x, inputs


def loss_and_gradient(logits: Array, classes: Array) -> tuple[float, Array]:
    """Return the mean of -log p(class), and its gradient in the logits (tokens, classes)."""
    if classes.shape != logits.shape[:1]:
        raise ValueError(f"{len(logits)} rows of logits need a class each, got {classes.shape}")
    gradient = softmax(logits)
    rows = np.arange(len(classes))
    loss = -np.log(gradient[rows, classes]).mean()
    gradient[rows, classes] -= 1
    return float(loss), gradient / len(classes)


def backward(
    weights: Sequence[Array], inputs: Sequence[Array], dy: Array, tally: Tally
) -> tuple[list[Array], Array]:
    """Return the gradient of each matrix, and that of the tower's input.

    `inputs` are those that `forward` kept, `dy` is the gradient in what it returned.
    """
    gradients = []
    for index in reversed(range(len(weights))):
        x = inputs[index]
        gradients.append(tally.multiply(dy.T, x))
        dy = tally.multiply(dy, weights[index])
        if index:
            dy *= x > 0  # the ReLU
    return gradients[::-1], dy


class Adam:
    """Keeps two running means for each weight: of its gradient, and of the gradient's square."""

    def __init__(self, weights: Sequence[Array], *, rate: float = 1e-3):
        self.rate, self.num_steps = rate, 0
        self.means = [np.zeros_like(W) for W in weights]
        self.squares = [np.zeros_like(W) for W in weights]

    def update(self, weights: Sequence[Array], gradients: Sequence[Array]) -> None:
        """Change the weights, in place."""
        self.num_steps += 1
        for W, gradient, mean, square in zip(
            weights, gradients, self.means, self.squares, strict=True
        ):
            mean += (1 - 0.9) * (gradient - mean)
            square += (1 - 0.999) * (gradient**2 - square)
            unbiased = mean / (1 - 0.9**self.num_steps)
            scale = np.sqrt(square / (1 - 0.999**self.num_steps)) + 1e-8
            W -= self.rate * unbiased / scale
