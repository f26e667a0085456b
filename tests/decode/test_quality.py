"""Each test is one sentence that `membound.decode.quality` says of itself."""

from dataclasses import replace

import numpy as np
import pytest

import tiny
from membound.decode.quality import compare, cut_windows, log_probabilities, mean_and_error
from membound.model.transformer import forward_uncached

TEXT = np.random.default_rng(3).integers(0, 50, 100)


@pytest.fixture(scope="module")
def weights():
    return tiny.weights()


@pytest.fixture(scope="module")
def windows():
    return cut_windows(TEXT, 8, 12)  # together longer than the context


def softmax64(logits):
    e = np.exp(logits.astype(np.float64))
    return e / e.sum(axis=-1, keepdims=True)


def test_each_window_is_a_text_of_its_own(weights, windows):
    log_p = log_probabilities(weights, windows)
    assert log_p.shape == (8, 11, 50)
    assert log_p.dtype == np.float32
    for window, its_log_p in zip(windows, log_p, strict=True):
        p = softmax64(forward_uncached(weights, window))[:-1]
        assert np.allclose(np.exp(its_log_p), p, atol=1e-6)


def test_all_numbers_are_those_of_a_loop_over_the_text(weights, windows):
    changed = tiny.weights(seed=1)
    measured = compare(
        windows, log_probabilities(weights, windows), log_probabilities(changed, windows)
    )
    loss, increase, kl, agrees = [], [], [], []
    for window in windows:
        p_rows = softmax64(forward_uncached(weights, window))
        q_rows = softmax64(forward_uncached(changed, window))
        for t in range(11):
            p, q, token = p_rows[t], q_rows[t], window[t + 1]
            loss.append(-np.log(q[token]))
            increase.append(np.log(p[token]) - np.log(q[token]))
            kl.append(sum(a * np.log(a / b) for a, b in zip(p, q, strict=True)))
            agrees.append(p.argmax() == q.argmax())
    assert measured.num_tokens == 88
    assert np.isclose(measured.perplexity, np.exp(np.mean(loss)), rtol=1e-5)
    assert np.isclose(measured.perplexity_change, np.exp(np.mean(increase)) - 1, rtol=1e-4)
    assert np.isclose(measured.kl, np.mean(kl), rtol=1e-4)
    assert np.isclose(measured.kl_error, np.std(kl, ddof=1) / 88**0.5, rtol=1e-4)
    assert measured.top1_agreement == np.mean(agrees)
    # d exp(x) = exp(x) dx
    by_hand = np.exp(np.mean(increase)) * np.std(increase, ddof=1) / 88**0.5
    assert np.isclose(measured.perplexity_change_error, by_hand, rtol=1e-4)


def test_an_unchanged_model_costs_nothing(weights, windows):
    log_p = log_probabilities(weights, windows)
    same = compare(windows, log_p, log_p)
    assert (same.perplexity_change, same.kl, same.top1_agreement) == (0, 0, 1)
    assert (same.perplexity_change_error, same.kl_error) == (0, 0)


def test_a_model_that_knows_nothing_has_the_vocabulary_for_its_perplexity(weights, windows):
    blank = replace(weights, head=np.zeros_like(weights.head))
    log_p = log_probabilities(blank, windows)
    assert np.isclose(compare(windows, log_p, log_p).perplexity, 50, rtol=1e-5)


def test_every_product_with_a_layers_matrix_goes_through_multiply(weights, windows):
    seen = []

    def multiply(x, matrix):
        seen.append(id(matrix))
        assert len(x) == windows.size
        return x @ matrix.T

    log_probabilities(weights, windows, multiply=multiply)
    names = ("q", "k", "v", "o", "gate", "up", "down")
    assert sorted(seen) == sorted(id(getattr(layer, n)) for layer in weights.layers for n in names)


def test_attend_gets_one_window_at_a_time(weights, windows):
    shapes = []

    def attend(q, k, v):
        shapes.append((q.shape, k.shape, v.shape))
        return np.zeros_like(q)

    log_probabilities(weights, windows, attend=attend)
    assert shapes == [((6, 12, 8), (2, 12, 8), (2, 12, 8))] * 24


def test_the_standard_error_is_the_spread_of_means():
    draws = np.random.default_rng(0).normal(2, 3, (4000, 50))
    means, errors = np.array([mean_and_error(row) for row in draws]).T
    assert np.isclose(means.std(), errors.mean(), rtol=0.05)
    assert np.isclose(means.mean(), 2, atol=0.05)


@pytest.mark.parametrize(
    ("num_windows", "window_size", "message"),
    [
        (9, 12, "9 windows of 12 need more than 100 tokens"),
        (3, 1, "a window needs 2 tokens"),
        (0, 12, "got 0 windows of 12"),
    ],
)
def test_windows_that_cannot_be_cut_are_refused(num_windows, window_size, message):
    with pytest.raises(ValueError, match=message):
        cut_windows(TEXT, num_windows, window_size)


def test_windows_longer_than_the_context_are_refused(weights):
    with pytest.raises(ValueError, match="exceed the context of 64"):
        log_probabilities(weights, cut_windows(TEXT, 1, 65))
