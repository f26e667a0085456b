"""One drawing of a figure: at one width, in one language, and the figure left as it was."""

import re
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from copy import copy
from functools import cache

from matplotlib import style
from matplotlib.axes import Axes
from matplotlib.backend_bases import FigureCanvasBase
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.ticker import Formatter
from matplotlib.transforms import Bbox, ScaledTranslation

from membound.page.fitting import (
    end_labels,
    refuse_collisions,
    separate_end_labels,
    thin_ticks,
    wrap,
)
from membound.page.palette import MUTED
from membound.page.style import DPI, STYLE, WIDTHS
from membound.page.svg import SvgRenderer
from membound.page.ticks import use_short_numbers

UNIT = r"([kKMGT]?i?B|[kKMGT]i?|[mµn]?s|[kMGT]?FLOPs?|[x×%])"
QUANTITY = re.compile(rf"[^\w]*\d[\d.,]*([eE][+-]?\d+)?\s?({UNIT}(/{UNIT})?)?[^\w]*")


def has_words(text: str) -> bool:
    """Whether a text has anything to translate: not 1,000, 10 ms, 4 KiB, × or n."""
    letters = [character for character in text if character.isalpha()]
    return len(letters) > 0 and len(text.strip()) > 1 and not QUANTITY.fullmatch(text)


class Canvas(FigureCanvasBase):
    """Lets Matplotlib's layout measure texts as the renderer does."""

    def get_renderer(self) -> SvgRenderer:
        """A renderer of the figure's present size."""
        width, height = self.figure.get_size_inches() * DPI
        return SvgRenderer(width, height, DPI)


class _Words(Formatter):
    """Another formatter's labels, translated."""

    def __init__(self, base: Formatter, say: Callable[[str], str]):
        self.base, self.say = base, say

    def format_ticks(self, values: Sequence[float]) -> list[str]:
        return [self.say(label) for label in self.base.format_ticks(values)]


def draw(
    figure: Figure, kind: str, prefix: str, translate: Callable[[str], str]
) -> tuple[float, float, str]:
    """Width, height and the inside of one `<svg>`; the figure is left as it was."""
    with style.context(["default", STYLE]), ExitStack() as undo:
        _resize(figure, kind, undo)
        _put_into_words(figure, translate, undo)
        renderer = figure.canvas.get_renderer()
        renderer.prefix = prefix
        _place_headings(figure, renderer, undo)
        _lay_out(figure, renderer, undo)
        figure.draw(renderer)
    frame = Bbox.from_extents(0, 0, renderer.width, renderer.height)
    refuse_collisions(renderer.texts, frame, kind)
    return renderer.width, renderer.height, "".join(renderer.parts)


def _resize(figure: Figure, kind: str, undo: ExitStack) -> None:
    """Give the drawing its width; when narrow, stack the panels."""
    width, height = figure.get_size_inches()
    undo.callback(figure.set_size_inches, width, height)
    panels = _panels(figure)
    rows = panels[0].get_subplotspec().get_gridspec().nrows
    stacked = len(panels) if kind == "narrow" else rows
    figure.set_size_inches(WIDTHS[kind] / DPI, height * stacked / rows)
    if stacked > rows:
        for axes, place in zip(panels, figure.add_gridspec(stacked, 1), strict=True):
            undo.callback(axes.set_subplotspec, axes.get_subplotspec())
            axes.set_subplotspec(place)


def _panels(figure: Figure) -> list[Axes]:
    """The axes of the grid: not the key of a heat map."""
    return [axes for axes in figure.axes if axes.get_subplotspec() is not None]


def _put_into_words(figure: Figure, translate: Callable[[str], str], undo: ExitStack) -> None:
    """Translate every text of the figure, and shorten the numbers along its axes."""

    @cache
    def say(text: str) -> str:
        return translate(text) if has_words(text) else text

    numbered = set()
    for axis in (axis for axes in figure.axes for axis in (axes.xaxis, axes.yaxis)):
        for name in ("major", "minor"):
            undo.callback(setattr, axis, name, getattr(axis, name))
            setattr(axis, name, copy(getattr(axis, name)))
        use_short_numbers(axis)
        for ticker in (axis.major, axis.minor):
            ticker.formatter = _Words(ticker.formatter, say)
        for tick in (*axis.majorTicks, *axis.minorTicks):
            numbered.update((tick.label1, tick.label2))
    for text in figure.findobj(Text):
        if text not in numbered and text.get_text():
            undo.callback(text.set_text, text.get_text())
            text.set_text(say(text.get_text()))


def _place_headings(figure: Figure, renderer: SvgRenderer, undo: ExitStack) -> None:
    """Title and y label above the frame, flush left: easier to read than turned, and narrower."""
    panels = _panels(figure)
    for axes in panels:
        share = 0.85 * renderer.width / axes.get_subplotspec().get_gridspec().ncols
        label, text = axes.yaxis.label, axes.get_ylabel()
        undo.callback(label.set_text, text)
        undo.callback(axes.set_title, "", loc="left")
        label.set_text("")
        heading = axes.set_title(text, loc="left", pad=6)
        heading.set(fontsize=label.get_fontsize(), fontweight="normal", color=MUTED)
        axes.title.set(x=0, horizontalalignment="left", fontweight="bold", fontsize=10)
        for text in (heading, axes.title, axes.xaxis.label):
            wrap(text, share, renderer)
    lines = max(len(axes.get_title(loc="left").splitlines()) for axes in panels)
    for axes in panels:
        lift = ScaledTranslation(0, (6 + 15 * lines) / 72, figure.dpi_scale_trans)
        axes.title.set_transform(axes.transAxes + lift)


def _lay_out(figure: Figure, renderer: SvgRenderer, undo: ExitStack) -> None:
    """Find room for all texts, then hold the layout still."""
    groups = end_labels(figure)
    for label in (label for group in groups for label in group):
        undo.callback(label.set_position, label.get_position())
        wrap(label, 0.3 * renderer.width, renderer)
    engine = figure.get_layout_engine()
    undo.callback(figure.set_layout_engine, engine)
    axis_list = [axis for axes in figure.axes for axis in (axes.xaxis, axes.yaxis)]
    for _ in range(4):
        engine.execute(figure)
        if not sum(thin_ticks(axis, renderer) for axis in axis_list):  # all of them, not any
            break
    for group in groups:
        separate_end_labels(group, renderer)
    figure.set_layout_engine("none")
