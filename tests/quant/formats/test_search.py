"""The vectorised searches against ggml's, written as it writes them: one group, one loop."""

import numpy as np
import pytest

from membound.quant.formats.search import fit_line, fit_signed

NUM_GROUPS = 300


def ggml_line(x, w, top, first, num_steps):
    """`make_qkx2_quants` (ggml-quants.c): the least weighted error of its trials."""
    low, high = min(x.min(), 0), x.max()
    if high == low:
        return float(np.sum(w * (low - x) ** 2))
    best = np.inf
    for step in range(-1, num_steps + 1):
        stretch = 0 if step < 0 else first + 0.1 * step
        codes = np.rint((top + stretch) / (high - low) * (x - low)).clip(0, top)
        if step < 0:
            scale, minimum = (high - low) / top, low
        else:
            sum_w, sum_c, sum_cc = w.sum(), (w * codes).sum(), (w * codes * codes).sum()
            sum_x, sum_cx = (w * x).sum(), (w * codes * x).sum()
            determinant = sum_w * sum_cc - sum_c * sum_c
            if determinant <= 0:
                continue
            scale = (sum_w * sum_cx - sum_x * sum_c) / determinant
            minimum = (sum_cc * sum_x - sum_c * sum_cx) / determinant
            if minimum > 0:
                scale, minimum = sum_cx / sum_cc, 0
        best = min(best, np.sum(w * (scale * codes + minimum - x) ** 2))
    return best


def ggml_signed(x, w, half):
    """`make_qx_quants` (ggml-quants.c): the least weighted error of its trials."""
    widest = x[np.abs(x).argmax()]
    best = np.inf
    for step in range(-9, 10):
        codes = np.rint(-(half + 0.1 * step) / widest * x).clip(-half, half - 1)
        scale = (w * codes * x).sum() / (w * codes * codes).sum()
        best = min(best, np.sum(w * (scale * codes - x) ** 2))
    return best


def line_error(groups, importance, top, scale, minimum):
    """The error that is left once each weight has its nearest code on the line."""
    codes = np.rint((groups - minimum) / np.where(scale == 0, 1, scale)).clip(0, top)
    return np.sum(importance * (scale * codes + minimum - groups) ** 2, axis=0)


def random_groups(size, kind):
    rng = np.random.default_rng(3)
    draw = {
        "gaussian": lambda shape: rng.normal(size=shape),
        "heavy tails": lambda shape: rng.standard_t(3, size=shape),
        "positive": lambda shape: rng.uniform(0.5, 1, size=shape),
        "negative": lambda shape: -rng.exponential(size=shape),
    }[kind]
    return draw((size, NUM_GROUPS)).astype(np.float32)


KINDS = ("gaussian", "heavy tails", "positive", "negative")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("size", "top", "first", "num_steps"), [(32, 15, -1, 20), (32, 31, -0.5, 15)]
)
def test_lines_leave_at_most_a_hundredth_more_error_than_ggmls_search(
    kind, size, top, first, num_steps
):
    groups = random_groups(size, kind)
    importance = np.abs(groups) + 1
    fit = fit_line(groups, importance, top)
    ours = line_error(groups, importance, top, fit.scale, fit.minimum)
    theirs = [
        ggml_line(x, w, top, first, num_steps) for x, w in zip(groups.T, importance.T, strict=True)
    ]
    assert ours.sum() <= 1.01 * np.sum(theirs)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("half", [4, 32])
def test_signed_scales_leave_no_more_error_than_ggmls_search(kind, half):
    groups = random_groups(16, kind)
    importance = np.square(groups)
    scale = fit_signed(groups, importance, half)
    codes = np.rint(groups / scale).clip(-half, half - 1)
    ours = np.sum(importance * (scale * codes - groups) ** 2, axis=0)
    theirs = [ggml_signed(x, w, half) for x, w in zip(groups.T, importance.T, strict=True)]
    assert ours.sum() <= 1.02 * np.sum(theirs)


@pytest.mark.parametrize("value", [0, 0.3, -0.3])
def test_a_constant_group_is_fitted_exactly(value):
    groups = np.full((32, 2), value, np.float32)
    fit = fit_line(groups, np.ones_like(groups), 15)
    assert line_error(groups, np.ones_like(groups), 15, fit.scale, fit.minimum).max() < 1e-12


def test_a_constant_group_is_fitted_exactly_however_its_weights_count():
    """All codes are equal, so two unknowns have one equation, give or take its rounding."""
    rng = np.random.default_rng(0)
    groups = np.broadcast_to(rng.uniform(0.1, 9, 999).astype(np.float32), (32, 999)).copy()
    importance = rng.uniform(0.1, 9, (32, 999)).astype(np.float32)
    fit = fit_line(groups, importance, 15)
    error = line_error(groups, importance, 15, fit.scale, fit.minimum)
    assert np.all(error < 1e-9 * np.sum(importance * groups**2, axis=0))


def test_a_line_that_was_there_is_found_again():
    codes = np.random.default_rng(0).integers(0, 16, (32, 50)).astype(np.float32)
    codes[:2] = [[0], [15]]
    groups = np.float32(0.25) * codes - 2
    fit = fit_line(groups, np.ones_like(groups), 15)
    assert np.allclose(fit.scale, 0.25, rtol=1e-5)
    assert np.allclose(fit.minimum, -2, rtol=1e-5)


def test_scales_and_minima_have_the_signs_that_a_block_can_store():
    for kind in KINDS:
        fit = fit_line(random_groups(32, kind), np.ones((32, NUM_GROUPS), np.float32), 15)
        assert fit.scale.min() >= 0
        assert fit.minimum.max() <= 0
        assert fit.scale.dtype == fit.minimum.dtype == np.float32
