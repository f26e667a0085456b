"""Each test is one sentence that `membound.page.figures` says of itself."""

import itertools
import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest

from membound.page import palette
from membound.page.figures import bars, heat_map, label_end, new_figure, to_html

WORDS = {"title": "Time grows", "caption": "It grows & grows.", "alt": 'Two lines, one "flat".'}
CHINESE = {
    "Time grows": "时间增长",
    "It grows & grows.": "越长越慢。",
    'Two lines, one "flat".': "两条线，一条是平的。",
    "Roofline": "屋顶线",
    "Seconds": "秒数",
    "Bytes": "字节",
    "Sequence length": "序列长度（词元）",
    "without a cache": "不用缓存",
    "with a cache": "用缓存",
    "crossing &c <": "交叉点",
    "grouped queries": "分组查询",
    "one head": "单头",
}


def two_panels():
    """Lines with end labels beside bars: every kind of text that a figure has."""
    figure = new_figure(2)
    left, right = figure.axes
    lengths = np.arange(1, 500)
    left.plot(lengths, lengths**2 / 1e4, color=palette.WITHOUT)
    label_end(left, "without a cache")
    left.plot(lengths, lengths / 1e3, color=palette.WITH)
    label_end(left, "with a cache")
    left.annotate("crossing &c <", (100, 8))
    left.set_title("Roofline")
    left.set_xlabel("Sequence length")
    left.set_ylabel("Seconds")
    bars(right, ["grouped queries", "one head"], [12.5, 3], spec="{:.1f} KiB")
    right.set_xlabel("Bytes")
    return figure


def english(text: str) -> str:
    return text


def html_of(figure, translate=english, name="time"):
    return to_html(figure, name=name, translate=translate, **WORDS)


def drawings(html: str) -> dict[str, ET.Element]:
    root = ET.fromstring(html)
    svgs = [node for node in root.iter() if node.tag.endswith("svg")]
    return {svg.get("class").split("-")[1]: svg for svg in svgs}


def texts(svg: ET.Element) -> list[str]:
    return [node.text for node in svg.iter() if node.tag.endswith("text")]


def test_a_figure_is_drawn_wide_and_narrow_with_a_title_and_a_description():
    html = html_of(two_panels())
    assert "\n\n" not in html
    both = drawings(html)
    assert list(both) == ["wide", "narrow"]
    for kind, svg in both.items():
        width, height = map(float, svg.get("viewBox").split()[2:])
        assert (width, height) == {"wide": (680, 300), "narrow": (340, 600)}[kind]
        assert svg.get("role") == "img"
        named = {node.get("id"): node.text for node in svg.iter() if node.get("id")}
        spoken = [named[one] for one in svg.get("aria-labelledby").split()]
        assert spoken == [WORDS["title"], WORDS["alt"]]
        assert "data-search-exclude" in svg.attrib
    assert "<figcaption>It grows &amp; grows.</figcaption>" in html


def test_ids_are_unique_on_a_page_of_several_figures_with_clipped_shapes():
    figures = []
    for _ in range(2):
        figure = two_panels()
        figure.axes[0].axvspan(100, 1e6, color=palette.BAD, alpha=0.2)
        figure.axes[0].set_xlim(1, 500)
        figures.append(figure)
    html = html_of(figures[0], name="one") + html_of(figures[1], name="two")
    ids = re.findall(r'\bid="([^"]+)"', html)
    assert len(ids) == len(set(ids))
    assert len([name for name in ids if "clip" in name]) == 4
    used = set(re.findall(r"url\(#([^)]+)\)", html))
    assert used == {name for name in ids if "clip" in name}
    assert all(name.startswith(("fig-one", "fig-two")) for name in ids)


def test_the_same_figure_gives_the_same_bytes_and_no_date():
    figure = two_panels()
    first = html_of(figure)
    assert first == html_of(figure) == html_of(two_panels())
    assert not re.search(r"20[12]\d-|matplotlib|metadata|<style|font-family", first)


def test_drawing_leaves_the_figure_as_it_was():
    figure = two_panels()
    before = html_of(figure)
    html_of(figure, CHINESE.__getitem__)
    assert html_of(figure) == before
    assert figure.axes[0].get_ylabel() == "Seconds"
    assert tuple(figure.get_size_inches() * 96) == (680, 300)


def test_every_word_is_translated_and_no_number_is_asked_for():
    asked = []

    def translate(text: str) -> str:
        asked.append(text)
        return CHINESE[text]

    html = html_of(two_panels(), translate)
    assert set(asked) == set(CHINESE)
    shown = "".join(ET.fromstring(html).itertext())
    assert not [text for text in CHINESE if text in shown]
    for text in CHINESE.values():
        assert shown.count(text) >= (1 if text == CHINESE[WORDS["caption"]] else 2)
    assert shown.count("12.5 KiB") == 2


def test_a_missing_translation_is_the_callers_error_and_leaves_the_figure_whole():
    figure = two_panels()
    partial = {text: words for text, words in CHINESE.items() if text != "one head"}
    with pytest.raises(KeyError, match="one head"):
        html_of(figure, partial.__getitem__)
    assert html_of(figure) == html_of(two_panels())


def test_only_roles_are_drawn_and_each_has_its_variable():
    figure = two_panels()
    figure.axes[0].scatter([1, 2], [3, 4], color=palette.CACHE)
    html = html_of(figure)
    assert not re.search(r"#[0-9a-f]{6}|rgb\(", html)
    painted = set(re.findall(r'(?:fill|stroke)="([^"]+)"', html))
    assert {"var(--fig-series-1)", "var(--fig-series-3)", "var(--fig-muted)"} <= painted
    assert painted <= {"none", *(palette.css_colour(c) for c in palette.CSS_VARIABLES)}


def test_a_colour_that_is_no_role_is_refused():
    figure = new_figure()
    figure.axes[0].plot([0, 1], color="tab:red")
    with pytest.raises(ValueError, match="#d62728 would look the same"):
        html_of(figure)


def test_text_is_text_and_large_enough_on_a_phone_and_at_a_desk():
    for kind, svg in drawings(html_of(two_panels())).items():
        drawn_at = {"wide": 688, "narrow": 328}[kind] / {"wide": 680, "narrow": 340}[kind]
        sizes = [float(node.get("font-size")) for node in svg.iter() if node.get("font-size")]
        assert min(sizes) * drawn_at >= {"wide": 10, "narrow": 9}[kind]
        assert "without a cache" in texts(svg) or "cache" in texts(svg)


def test_small_text_is_refused():
    figure = new_figure()
    figure.axes[0].text(0.5, 0.5, "small print", fontsize=6)
    with pytest.raises(ValueError, match="'small print' is set in 8"):
        html_of(figure)


def test_panels_stand_side_by_side_when_wide_and_stacked_when_narrow():
    figure = new_figure(2)
    for axes, name in zip(figure.axes, ("left panel", "right panel"), strict=True):
        axes.plot([0, 1])
        axes.set_title(name)
    both = drawings(html_of(figure))
    place = {
        kind: [
            (float(node.get("x")), float(node.get("y")))
            for node in svg.iter()
            if node.text in ("left panel", "right panel")
        ]
        for kind, svg in both.items()
    }
    (x0, y0), (x1, y1) = place["wide"]
    assert x1 > x0 + 200
    assert y0 == y1
    (x0, y0), (x1, y1) = place["narrow"]
    assert abs(x1 - x0) < 20
    assert y1 > y0 + 200


def test_end_labels_stand_at_their_lines_and_never_on_each_other():
    figure = new_figure()
    axes = figure.axes[0]
    for i in range(5):
        axes.plot([0, 1], [0, 1 + i / 1000])
        label_end(axes, f"line number {i}")
    axes.plot([0, 1], [0, 0.2])
    label_end(axes, "apart")
    for svg in drawings(html_of(figure)).values():
        ends = {
            node.text: (float(node.get("y")), node.get("fill"))
            for node in svg.iter()
            if node.text and node.text.startswith(("line", "apart"))
        }
        heights = sorted(y for y, _ in ends.values())
        assert min(b - a for a, b in itertools.pairwise(heights)) >= 12
        assert all(node.get("class") == "halo" for node in svg.iter() if node.text in ends)
        assert len({fill for _, fill in ends.values()}) == 5  # five series, then the first again
        assert ends["line number 4"][0] < ends["line number 0"][0] < ends["apart"][0]


def test_a_label_finds_the_end_of_a_level_line_and_of_a_line_with_a_gap():
    figure = new_figure()
    axes = figure.axes[0]
    axes.plot([0, 1, 2], [1, 2, np.nan])
    label_end(axes, "gap")
    axes.axhline(1.5, color=palette.MUTED)
    label_end(axes, "bound")
    axes.set_xlim(0, 10)
    wide = drawings(html_of(figure))["wide"]
    place = {node.text: float(node.get("x")) for node in wide.iter() if node.get("x")}
    assert place["gap"] < 150
    assert place["bound"] > 500


def test_texts_that_collide_or_run_out_of_the_drawing_are_refused():
    figure = new_figure()
    figure.axes[0].text(0.5, 0.5, "one")
    figure.axes[0].text(0.5, 0.5, "two")
    with pytest.raises(ValueError, match="'one' and 'two' collide in the wide drawing"):
        html_of(figure)
    figure = new_figure()
    figure.text(0.9, 0.5, "far out to the right")
    with pytest.raises(ValueError, match="runs out of the wide drawing"):
        html_of(figure)


def test_chinese_text_is_measured_as_squares_and_keeps_inside():
    figure = new_figure()
    figure.axes[0].plot([0, 1])
    label_end(figure.axes[0], "Bytes")
    html = html_of(figure, lambda _: "解码每个词元都要读一遍全部权重和缓存")
    for svg in drawings(html).values():
        width = float(svg.get("viewBox").split()[2])
        ends = [node for node in svg.iter() if node.get("fill") == "var(--fig-series-1)"]
        for node in (node for node in ends if node.tag.endswith("text")):
            size = float(node.get("font-size"))
            assert float(node.get("x")) + len(node.text) * size <= width


def test_a_long_end_label_is_broken_when_narrow_and_not_when_wide():
    figure = new_figure()
    figure.axes[0].plot([0, 1])
    label_end(figure.axes[0], "cached in pages")
    both = drawings(html_of(figure))
    assert "cached in pages" in texts(both["wide"])
    assert {"cached in", "pages"} <= set(texts(both["narrow"]))


def test_bars_stand_in_their_order_with_the_first_on_top():
    figure = new_figure()
    bars(figure.axes[0], ["first", "second"], [1, 2])
    wide = drawings(html_of(figure))["wide"]
    place = {node.text: float(node.get("y")) for node in wide.iter() if node.get("y")}
    assert place["first"] < place["second"]


def test_round_markers_are_circles():
    figure = new_figure()
    figure.axes[0].plot(range(50), "o")
    html = html_of(figure)
    assert html.count("<circle") == 100
    assert len(html) < 20_000


def test_a_heat_map_is_cells_on_the_ramp_with_its_key():
    figure = new_figure()
    heat_map(figure.axes[0], np.arange(9).reshape(3, 3), low=0, high=9)
    html = html_of(figure)
    assert {f"var(--fig-ramp-{level})" for level in range(9)} <= set(
        re.findall(r'fill="([^"]+)"', html)
    )
    assert len(html) < 12_000


def test_pixels_and_tex_are_refused():
    figure = new_figure()
    figure.axes[0].imshow([[0, 1]])
    with pytest.raises(ValueError, match="pcolormesh"):
        html_of(figure)
    figure = new_figure()
    figure.axes[0].set_xlabel(r"$\alpha$")
    with pytest.raises(ValueError, match="reads no TeX"):
        html_of(figure)


@pytest.mark.parametrize("name", ["", "Two Words", "a--b", "a<b"])
def test_a_name_is_an_id(name):
    with pytest.raises(ValueError, match="is an id"):
        html_of(new_figure(), name=name)


@pytest.mark.parametrize(
    ("panels", "wide", "narrow"), [(1, 200, 200), (2, 200, 400), (4, 400, 800)]
)
def test_panels_stand_two_to_a_row_and_on_a_phone_one(panels, wide, narrow):
    figure = new_figure(panels, height=200)
    for axes in figure.axes:
        axes.plot([0, 1], [0, 1])
        axes.set_ylabel("seconds")
    heights = re.findall(r'viewBox="0 0 \d+ (\d+)"', html_of(figure))
    assert [int(height) for height in heights] == [wide, narrow]


def test_four_panels_come_in_reading_order():
    places = [axes.get_position() for axes in new_figure(4).axes]
    assert [(place.x0 > 0.4, place.y0 < 0.4) for place in places] == [
        (False, False),
        (True, False),
        (False, True),
        (True, True),
    ]


def test_a_figure_has_one_two_or_four_panels():
    with pytest.raises(ValueError, match="1, 2 or 4 panels, not 3"):
        new_figure(3)


def test_a_label_needs_a_line():
    with pytest.raises(ValueError, match="there is none yet"):
        label_end(new_figure().axes[0], "with a cache")


def test_a_line_chart_is_small():
    figure = new_figure()
    steps = np.linspace(0, 10, 2000)
    for k in range(3):
        figure.axes[0].plot(steps, np.sin(steps + k))
        label_end(figure.axes[0], f"phase {k}")
    assert len(html_of(figure)) < 20_000


def test_the_other_modules_of_the_room_do_not_load_matplotlib():
    code = (
        "import sys, membound.page, membound.page.tables, membound.page.palette\n"
        "assert 'matplotlib' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_style_sheet_gives_every_role_a_light_and_a_dark_value():
    sheet = Path(__file__).parents[2] / "docs/theme/assets/membound.css"
    schemes = re.findall(
        r"\[data-md-color-scheme(?:=\"slate\")?\] \{(.*?)\}", sheet.read_text("utf-8"), re.S
    )
    assert len(schemes) == 2
    for variable in palette.CSS_VARIABLES.values():
        light, dark = (re.search(rf"{variable}: (.+);", scheme)[1] for scheme in schemes)
        assert light != dark
