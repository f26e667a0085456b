"""Each test is one sentence that `membound.page.ticks` says of itself."""

import pytest

from membound.page.figures import new_figure, to_html
from membound.page.ticks import linear_labels, log_labels


@pytest.mark.parametrize(
    ("values", "labels"),
    [
        ([0, 0.1, 0.2, 0.30000000000000004], ["0", "0.1", "0.2", "0.3"]),
        ([0, 500, 1000, 1500], ["0", "500", "1,000", "1,500"]),
        ([0, 5e5, 1e6, 1.5e6], ["0", "0.5M", "1M", "1.5M"]),
        ([-2, 0, 2], ["−2", "0", "2"]),
        ([], []),
    ],
)
def test_ticks_of_a_linear_axis_share_one_prefix(values, labels):
    assert linear_labels(values) == labels


@pytest.mark.parametrize(
    ("values", "base", "labels"),
    [
        ([0.01, 0.1, 1, 10], 10, ["0.01", "0.1", "1", "10"]),
        ([1, 100, 1e3, 2e4, 1e6, 1e9], 10, ["1", "100", "1k", "20k", "1M", "1G"]),
        ([1e-6, 2e-3], 10, ["10⁻⁶", "2×10⁻³"]),
        ([1, 64, 1024, 65536], 2, ["1", "64", "1024", "65536"]),
        ([64, 4096, 2**20], 2, ["64", "4Ki", "1Mi"]),
        ([], 10, []),
    ],
)
def test_ticks_of_a_log_axis_are_short_and_exact(values, base, labels):
    assert log_labels(values, base) == labels


def drawn(figure) -> str:
    return to_html(figure, name="x", title="t", caption="c", alt="a", translate=lambda text: text)


@pytest.mark.parametrize(("low", "high"), [(1, 90), (3, 8000), (1e-7, 1e7), (0.5, 3)])
def test_a_log_axis_has_at_least_two_ticks_and_no_tex(low, high):
    figure = new_figure()
    figure.axes[0].plot([low, high], [low, high])
    figure.axes[0].set_xscale("log")
    figure.axes[0].set_yscale("log")
    html = drawn(figure)
    assert "$" not in html
    assert html.count('text-anchor="end"') >= 2 * 2
    assert html.count('text-anchor="middle"') >= 2 * 2


def test_ticks_that_an_author_names_stay():
    figure = new_figure()
    figure.axes[0].plot([1, 2, 3])
    figure.axes[0].set_xticks([0, 2], ["start of it", "end of it"])
    figure.axes[0].yaxis.set_major_formatter("{x:.1f} ms")
    html = drawn(figure)
    assert ">start of it<" in html
    assert ">2.0 ms<" in html


def test_numbers_that_would_touch_are_thinned_out():
    figure = new_figure()
    figure.axes[0].plot([0, 100], [0, 1])
    figure.axes[0].set_xticks(range(0, 101, 4))
    html = drawn(figure)
    assert ">40</text>" in html
    assert ">4</text>" not in html.split("fig-narrow")[1]
