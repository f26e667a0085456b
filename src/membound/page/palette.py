"""Colours by role: a figure names what a thing is, the reader's palette says how that looks.

Matplotlib wants colours, so each role has one that stands for it. The renderer (`svg.py`) writes
the role's CSS variable in its place; docs/theme/assets/membound.css holds its two values.
"""

INK = "#010001"
MUTED = "#010002"
GRID = "#010003"
BACKGROUND = "#010004"

SERIES = ("#010101", "#010102", "#010103", "#010104", "#010105")
RAMP = tuple(f"#01020{level}" for level in range(9))
"""From next to nothing to the most, for heat maps."""

# One meaning, one colour on every page.
DECODE = WITH = MEASURED = SERIES[0]
PREFILL = SERIES[1]
CACHE = SERIES[2]
WEIGHTS = SERIES[3]
BAD = SERIES[4]
WITHOUT = PREDICTED = MUTED

CSS_VARIABLES = {
    INK: "--fig-ink",
    MUTED: "--fig-muted",
    GRID: "--fig-grid",
    BACKGROUND: "--fig-background",
    **{colour: f"--fig-series-{number}" for number, colour in enumerate(SERIES, 1)},
    **{colour: f"--fig-ramp-{level}" for level, colour in enumerate(RAMP)},
    # Matplotlib's own defaults for text and for what lies behind it.
    "#000000": "--fig-ink",
    "#ffffff": "--fig-background",
}


def css_colour(colour: str) -> str:
    """The CSS value for a role's colour; `ValueError` for a colour that stands for no role."""
    try:
        return f"var({CSS_VARIABLES[colour]})"
    except KeyError:
        raise ValueError(
            f"{colour} would look the same in the light and the dark palette: "
            "use a role from membound.page.palette (INK, MUTED, SERIES[0], DECODE, …)"
        ) from None
