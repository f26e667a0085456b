"""Each test is one sentence that `membound.page.fitting` says of itself."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.text import Text

from membound.page.drawing import Canvas
from membound.page.figures import label_end, new_figure, to_html
from membound.page.fitting import wrap
from membound.page.svg import SvgRenderer


def lines_of(text: str, width: float) -> list[str]:
    artist = Text(text=text, fontsize=10)
    wrap(artist, width, SvgRenderer(680, 300, 96))
    return artist.get_text().split("\n")


def test_a_line_that_fits_is_left_alone():
    assert lines_of("with a cache", 200) == ["with a cache"]


def test_words_are_broken_at_spaces_only():
    assert lines_of("with a paged cache, in blocks of 16", 90) == [
        "with a paged",
        "cache, in",
        "blocks of 16",
    ]
    assert lines_of("incomprehensibilities", 20) == ["incomprehensibilities"]


def test_chinese_breaks_between_characters_but_not_before_a_mark():
    assert lines_of("使用分页缓存，每块十六个词元", 92) == ["使用分页缓", "存，每块十六", "个词元"]


@settings(deadline=None, max_examples=15)
@given(st.lists(st.floats(0, 1), min_size=2, max_size=7), st.integers(180, 400))
def test_end_labels_never_collide_wherever_their_lines_end(ends, height):
    figure = new_figure(height=height)
    for number, end in enumerate(ends):
        figure.axes[0].plot([0, 1], [0, end])
        label_end(figure.axes[0], f"line {number}")
    figure.axes[0].set_ylim(0, 1)
    assert isinstance(figure.canvas, Canvas)
    # refuses collisions by itself
    html = to_html(figure, name="x", title="t", caption="c", alt="a", translate=str)
    assert html.count(">line ") == 2 * len(ends)


def test_more_end_labels_than_there_is_room_for_are_refused():
    figure = new_figure(height=120)
    for number in range(12):
        figure.axes[0].plot([0, 1])
        label_end(figure.axes[0], f"line {number}")
    with pytest.raises(ValueError, match=r"collide|runs out"):
        to_html(figure, name="x", title="t", caption="c", alt="a", translate=str)
