"""What a change costs a model: perplexity, KL divergence and top-1 agreement on the same text.

For token t of the text, with p the model's distribution before the change and q after it,

    perplexity = exp(mean of -log q(token t))
    KL         = mean of sum_i p_i (log p_i - log q_i)
    top-1      = how often the two have the same likeliest token

Perplexity asks the text, KL and top-1 ask the model itself: they see a change even where it
happens to help. Both models read the same tokens, so errors are those of the differences token by
token ("paired"), far smaller than those of either perplexity. They take tokens as independent,
which neighbours are not quite.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from membound.arrays import Array, Float32, TokenIds
from membound.attention.plain import attention
from membound.model.transformer import Multiply, check_tokens, hidden_states, linear
from membound.model.weights import Weights

# attend(q, k, v) within one window, as `attention` does.
AttendWindow = Callable[[Float32, Float32, Float32], Float32]


@dataclass(frozen=True)
class Quality:
    """A changed model beside the unchanged one; each `_error` is one standard error."""

    perplexity: float
    perplexity_change: float  # 0.05: five per cent higher
    perplexity_change_error: float
    kl: float  # in nats per token
    kl_error: float
    top1_agreement: float
    num_tokens: int


def cut_windows(token_ids: TokenIds, num_windows: int, window_size: int) -> Array:
    """The text's first tokens as (num_windows, window_size); `ValueError` if it is too short."""
    ids = np.asarray(token_ids)
    if num_windows < 1 or window_size < 2:
        raise ValueError(
            f"a window needs 2 tokens, one to predict the other: got {num_windows} windows of "
            f"{window_size}"
        )
    if ids.size < num_windows * window_size:
        raise ValueError(f"{num_windows} windows of {window_size} need more than {ids.size} tokens")
    return ids[: num_windows * window_size].reshape(num_windows, window_size)


def log_softmax(logits: Float32) -> Float32:
    """Turn the last axis into logarithms of probabilities, in place."""
    logits -= logits.max(axis=-1, keepdims=True)
    logits -= np.log(np.exp(logits).sum(axis=-1, keepdims=True))
    return logits


def run_windows(
    weights: Weights,
    windows: Array,
    *,
    attend: AttendWindow = attention,
    multiply: Multiply = linear,
) -> Float32:
    """Run independent texts (num_windows, window_size) in one pass, reading each matrix once.

    Returns what the head gets: (num_windows, window_size, hidden_size).
    """
    num_windows, window_size = windows.shape
    for window in windows:
        check_tokens(weights.config, window, 0)

    def attend_each(_: int, *qkv: Float32) -> Float32:
        cut = [np.split(x, num_windows, axis=1) for x in qkv]
        return np.concatenate([attend(*one) for one in zip(*cut, strict=True)], axis=1)

    positions = np.tile(np.arange(window_size), num_windows)
    hidden = hidden_states(weights, windows.reshape(-1), positions, attend_each, multiply)
    return hidden.reshape(num_windows, window_size, -1)


def log_probabilities(
    weights: Weights,
    windows: Array,
    *,
    attend: AttendWindow = attention,
    multiply: Multiply = linear,
) -> Float32:
    """What the model expects after each token but the last of each window.

    `windows` are those of `run_windows`; returns (num_windows, window_size - 1, vocab_size).
    """
    hidden = run_windows(weights, windows, attend=attend, multiply=multiply)[:, :-1]
    result = np.empty((*hidden.shape[:2], weights.config.vocab_size), np.float32)
    for one, its_hidden in zip(result, hidden, strict=True):
        log_softmax(np.matmul(its_hidden, weights.head.T, out=one))
    return result


def compare(windows: Array, before: Float32, after: Float32) -> Quality:
    """Measure `after` against `before`, both as `log_probabilities` gave them."""
    next_tokens = windows[:, 1:, None]
    loss_before, loss_after = (
        -np.take_along_axis(x, next_tokens, axis=-1).astype(np.float64).ravel()
        for x in (before, after)
    )
    divergence, agrees = [], []
    for p, q in zip(before, after, strict=True):  # window by window, to save memory
        divergence.append((np.exp(p) * (p - q)).sum(axis=-1))
        agrees.append(p.argmax(axis=-1) == q.argmax(axis=-1))
    increase, increase_error = mean_and_error(loss_after - loss_before)
    kl, kl_error = mean_and_error(np.concatenate(divergence).astype(np.float64))
    return Quality(
        perplexity=float(np.exp(loss_after.mean())),
        perplexity_change=float(np.expm1(increase)),
        perplexity_change_error=float(np.exp(increase) * increase_error),
        kl=kl,
        kl_error=kl_error,
        top1_agreement=float(np.mean(agrees)),
        num_tokens=loss_after.size,
    )


def mean_and_error(values: Array) -> tuple[float, float]:
    """The mean of `values` (n,) and its standard error."""
    return float(values.mean()), float(values.std(ddof=1) / np.sqrt(values.size))
