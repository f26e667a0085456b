"""Matplotlib axes in, captioned inline SVG out: one figure, two widths, any language.

    figure = new_figure()
    axes = figure.axes[0]
    axes.plot(lengths, seconds, color=WITH)
    label_end(axes, "with cache")
    show(figure, name="cache-time", title=..., caption=..., alt=...)      # membound.page.show

A figure is drawn twice, for a desk and for a phone, and laid out anew each time; the page's style
sheet shows the one that fits. Its colours are roles (`palette.py`) that
follow the reader's palette.
"""

import re
from collections.abc import Callable, Sequence
from html import escape

import numpy as np
from matplotlib import style
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import ArrayLike

from membound.page.drawing import Canvas, draw
from membound.page.palette import RAMP, SERIES
from membound.page.style import DPI, END_LABEL, STYLE, WIDTHS

RAMP_MAP = ListedColormap(RAMP)


def new_figure(panels: int = 1, *, height: int = 300) -> Figure:
    """An empty figure of 1, 2 or 4 panels, two to a row or on a phone stacked; `height` px a panel.

    Its axes are in reading order.
    """
    if panels not in (1, 2, 4):
        raise ValueError(f"a figure has 1, 2 or 4 panels, not {panels}")
    rows = (panels + 1) // 2
    with style.context(["default", STYLE]):
        figure = Figure((WIDTHS["wide"] / DPI, rows * height / DPI), layout="constrained")
        figure.get_layout_engine().set(wspace=0.06, hspace=0.06)  # between two panels
        Canvas(figure)
        figure.subplots(rows, min(panels, 2))
    return figure


def label_end(axes: Axes, text: str, line: Line2D | None = None) -> None:
    """Name a line (the latest, unless told) at its last point and in its colour."""
    if line is None:
        if not axes.lines:
            raise ValueError(f"{text!r} labels the end of a line, and there is none yet")
        line = axes.lines[-1]
    points = line.get_xydata()
    axes.annotate(
        text,
        tuple(points[np.isfinite(points).all(axis=1)][-1]),
        xycoords=line.get_transform(),
        xytext=(6, 0),
        textcoords="offset points",
        color=line.get_color(),
        verticalalignment="center",
        annotation_clip=False,
        gid=END_LABEL,
    )


def bars(
    axes: Axes,
    names: Sequence[str],
    values: Sequence[float],
    *,
    spec: str = "{:,.3g}",
    color: str | Sequence[str] = SERIES[0],
) -> None:
    """Horizontal bars, the first on top, each with its value (as `spec` writes it) at its end."""
    drawn = axes.barh(names, values, height=0.62, color=color)
    axes.bar_label(drawn, [spec.format(value) for value in values], padding=5)
    axes.invert_yaxis()
    axes.grid(visible=False)
    axes.set_xticks([])
    axes.spines["bottom"].set_visible(False)


def heat_map(
    axes: Axes, values: ArrayLike, *, low: float | None = None, high: float | None = None
) -> None:
    """Cells of (rows, columns), row 0 on top, on the ramp from `low` to `high`, with its key."""
    with style.context(["default", STYLE]):
        mesh = axes.pcolormesh(np.asarray(values), cmap=RAMP_MAP, vmin=low, vmax=high)
        key = axes.get_figure(root=True).colorbar(mesh, ax=axes, pad=0.03, aspect=30)
    key.outline.set_visible(False)
    axes.invert_yaxis()
    axes.grid(visible=False)


def to_html(
    figure: Figure,
    *,
    name: str,
    title: str,
    caption: str,
    alt: str,
    translate: Callable[[str], str],
) -> str:
    """The figure as HTML without an empty line, its words given through `translate`.

    `name` is its id on the page. `translate` gets each text once in English, and no bare number;
    what it raises, this raises. `ValueError` says which text collides or runs out of the drawing.
    """
    if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", name):
        raise ValueError(f"a figure's name is an id like cache-time, not {name!r}")
    heading, spoken = escape(translate(title)), escape(translate(alt))
    drawings = []
    for kind in WIDTHS:
        prefix = f"fig-{name}-{kind}-"
        width, height, inside = draw(figure, kind, prefix, translate)
        drawings.append(
            f'<svg class="fig fig-{kind}" data-search-exclude="" role="img" '
            f'viewBox="0 0 {width:g} {height:g}" aria-labelledby="{prefix}title {prefix}desc" '
            f'xmlns="http://www.w3.org/2000/svg"><title id="{prefix}title">{heading}</title>'
            f'<desc id="{prefix}desc">{spoken}</desc>{inside}</svg>'
        )
    return "\n".join(
        [
            f'<figure class="fig-box" id="fig-{name}">',
            f'<p class="fig-title" aria-hidden="true">{heading}</p>',
            *drawings,
            f"<figcaption>{escape(translate(caption), quote=False)}</figcaption>",
            "</figure>",
        ]
    )
