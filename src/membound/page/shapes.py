"""Matplotlib's paths as SVG attributes: short numbers, and nothing that is SVG's default."""

from collections.abc import Sequence
from itertools import groupby
from typing import Any

from matplotlib.backend_bases import GraphicsContextBase
from matplotlib.colors import to_hex
from matplotlib.path import Path
from matplotlib.transforms import Bbox, Transform

from membound.arrays import Array
from membound.page.palette import css_colour

COMMANDS = {Path.MOVETO: "M", Path.LINETO: "L", Path.CURVE3: "Q", Path.CURVE4: "C"}
CIRCLE = Path.unit_circle()


def number(value: float) -> str:
    """A coordinate to a tenth of a px, and nothing more."""
    return f"{round(float(value), 1) + 0.0:.1f}".removesuffix(".0")


def path_data(path: Path, place: Transform, clip: Bbox | None = None) -> str:
    """A path's `d`; with `clip`, only what of its lines lies inside."""
    out = []
    window = None if clip is None else tuple(clip.extents)
    for points, code in path.iter_segments(place, clip=window, remove_nans=True):
        letter = COMMANDS.get(code, "Z")
        numbers = "" if letter == "Z" else " ".join(number(value) for value in points)
        # after M and L, further points are lines without being told so
        implied = letter == "L" and out and out[-1][0] in "ML "
        out.append((" " if implied else letter) + numbers)
    return "".join(out)


def circle(path: Path, place: Transform) -> str:
    """Centre and radius in px if the path is Matplotlib's circle, as its round markers are."""
    if path.codes is None or len(path) != len(CIRCLE) or (path.codes != CIRCLE.codes).any():
        return ""
    box = path.get_extents(place)
    if abs(box.width - box.height) > 0.01 * box.width:
        return ""
    x, y = (box.x0 + box.x1) / 2, (box.y0 + box.y1) / 2
    return f'cx="{number(x)}" cy="{number(y)}" r="{number(box.width / 2)}"'


def mesh_data(corners: Array, colours: Sequence[str], width: int) -> dict[str, str]:
    """For each colour the `d` of its cells, neighbours in a row in one piece; "" is no colour.

    `corners` are px, (num_corners, 2), row by row; `colours` are of the cells, `width` in a row.
    """
    data: dict[str, str] = {}
    for row in range(len(colours) // width):
        start = 0
        for colour, run in groupby(colours[row * width : (row + 1) * width]):
            end = start + len(list(run))
            x0, y0 = (number(value) for value in corners[row * (width + 1) + start])
            x1, y1 = (number(value) for value in corners[(row + 1) * (width + 1) + end])
            data[colour] = data.get(colour, "") + f"M{x0} {y0}H{x1}V{y1}H{x0}Z"
            start = end
    return {colour: data[colour] for colour in sorted(data.keys() - {""})}


def paint(gc: GraphicsContextBase, face: Any, px_per_point: float) -> str:
    """Fill and stroke; empty when there is nothing to see."""
    forced = gc.get_alpha() if gc.get_forced_alpha() else None
    fill = _colour("fill", face, forced)
    stroke = _colour("stroke", gc.get_rgb() if gc.get_linewidth() else None, forced)
    if not stroke:
        return fill
    stroke += f' stroke-width="{number(gc.get_linewidth() * px_per_point)}"'
    stroke += ' stroke-linecap="round"' if gc.get_capstyle() == "round" else ""
    stroke += ' stroke-linejoin="round"' if gc.get_joinstyle() == "round" else ""
    if dashes := gc.get_dashes()[1]:
        lengths = " ".join(number(length * px_per_point) for length in dashes)
        stroke += f' stroke-dasharray="{lengths}"'
    return (fill or ' fill="none"') + stroke


def _colour(attribute: str, rgba: Any, forced_alpha: float | None) -> str:
    if rgba is None:
        return ""
    own_alpha = rgba[3] if len(rgba) == 4 else 1.0
    alpha = own_alpha if forced_alpha is None else forced_alpha
    if alpha == 0:
        return ""
    opacity = f' {attribute}-opacity="{alpha:.2g}"' if alpha < 1 else ""
    return f' {attribute}="{css_colour(to_hex(rgba[:3]))}"{opacity}'
