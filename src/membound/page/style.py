"""How figures look: sizes and weights, with a role from `palette` for each colour."""

from cycler import cycler

from membound.page.palette import GRID, INK, MUTED, SERIES

DPI = 96  # Matplotlib's points are CSS points, and the drawing's units are CSS px
END_LABEL = (
    "halo"  # the mark of `label_end`'s texts: on the page, a class that clears what lies below
)
WIDTHS = {"wide": 680, "narrow": 340}

STYLE = {
    "figure.dpi": DPI,
    "figure.facecolor": "none",
    "font.family": "DejaVu Sans",  # only measured with, and everywhere the same
    "font.size": 10,
    "text.color": INK,
    "axes.edgecolor": MUTED,
    "axes.facecolor": "none",
    "axes.grid": True,
    "axes.grid.axis": "y",
    "axes.axisbelow": True,
    "axes.labelcolor": MUTED,
    "axes.labelsize": 9.5,
    "axes.linewidth": 0.8,
    "axes.prop_cycle": cycler(color=SERIES, linewidth=[1.8] * len(SERIES)),
    "axes.spines.left": False,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "grid.color": GRID,
    "lines.solid_capstyle": "round",
    "lines.markersize": 5,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    **{f"{axis}tick.labelsize": 9 for axis in "xy"},
    **{f"{axis}tick.{kind}.size": 0 for axis in "xy" for kind in ("major", "minor")},
    **{f"{axis}tick.major.pad": 5 for axis in "xy"},
}
