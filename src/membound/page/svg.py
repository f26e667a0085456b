"""A Matplotlib renderer that writes what a page needs: short paths, real text, colours by role.

Matplotlib's own SVG backend writes fonts, styles, metadata and an id for every artist; this one
writes an id only for a clipping rectangle. What can't follow the reader's palette it refuses.
"""

from html import escape
from typing import Any
from unicodedata import east_asian_width

from matplotlib.backend_bases import GraphicsContextBase, RendererBase
from matplotlib.colors import to_hex
from matplotlib.font_manager import FontProperties
from matplotlib.path import Path
from matplotlib.text import Text
from matplotlib.transforms import Affine2D, Bbox, Transform

from membound.page.palette import css_colour
from membound.page.shapes import circle, mesh_data, number, paint, path_data
from membound.page.style import END_LABEL

LEAST_TEXT_PX = 10.0


class SvgRenderer(RendererBase):
    """Collects the inside of one `<svg>` in `parts`, in px; an id in it begins with `prefix`.

    `texts` says what was written where, by the estimate.
    """

    def __init__(self, width: float, height: float, dpi: float, prefix: str = ""):
        super().__init__()
        self.width, self.height, self.dpi, self.prefix = width, height, dpi, prefix
        self.parts: list[str] = []
        self.texts: list[tuple[str, Bbox]] = []
        self._clips: dict[str, str] = {}
        self._group: str | None = None
        self._flip = Affine2D().scale(1, -1).translate(0, height)

    def get_canvas_width_height(self) -> tuple[float, float]:
        """The drawing's size in px."""
        return self.width, self.height

    def points_to_pixels(self, points: float) -> float:
        """Points as px."""
        return points * self.dpi / 72

    def open_group(self, s: str, gid: str | None = None) -> None:  # noqa: ARG002
        """Note the mark of the text that comes next."""
        self._group = gid

    def get_text_width_height_descent(
        self, s: str, prop: FontProperties, ismath: Any
    ) -> tuple[float, float, float]:
        """An estimate in px: the reader's font isn't known, but a Chinese character is square."""
        if ismath:
            raise ValueError(f"a figure's text is set by the browser, which reads no TeX: {s!r}")
        narrow = "".join(c for c in s if east_asian_width(c) not in "WF")
        width, height, descent = super().get_text_width_height_descent(narrow or "x", prop, False)
        square = self.points_to_pixels(prop.get_size_in_points())
        return (width if narrow else 0.0) + square * (len(s) - len(narrow)), height, descent

    def draw_path(
        self,
        gc: GraphicsContextBase,
        path: Path,
        transform: Transform,
        rgbFace: Any = None,
    ) -> None:
        """One `<path>`, or a `<circle>` where it is one."""
        if gc.get_hatch() or gc.get_clip_path()[0] is not None:
            raise ValueError("a figure has neither hatches nor shapes that clip")
        look = paint(gc, rgbFace, self.dpi / 72)
        if not look:
            return
        place = transform + self._flip
        window = self._window(gc)
        if window is not None and rgbFace is not None:
            look += self._clipped(path.get_extents(place), window)
            window = None
        if shape := circle(path, place):
            self.parts.append(f"<circle {shape}{look}/>")
        elif data := path_data(path, place, window):
            self.parts.append(f'<path d="{data}"{look}/>')

    def draw_quad_mesh(
        self,
        gc: GraphicsContextBase,
        master_transform: Transform,
        mesh_width: int,
        *rest: Any,
    ) -> None:
        """A heat map: one `<path>` for each colour."""
        _, coordinates, _, _, facecolors, *_ = rest
        corners = (master_transform + self._flip).transform(coordinates.reshape(-1, 2))
        bounds = Bbox.from_extents(*corners.min(0), *corners.max(0))
        clip = self._clipped(bounds, self._window(gc) or bounds)
        colours = [to_hex(rgba) if rgba[3] else "" for rgba in facecolors]
        for colour, data in mesh_data(corners, colours, mesh_width).items():
            fill = f'fill="{css_colour(colour)}" shape-rendering="crispEdges"'
            self.parts.append(f'<path d="{data}" {fill}{clip}/>')

    def draw_text(
        self,
        gc: GraphicsContextBase,
        x: float,
        y: float,
        s: str,
        prop: FontProperties,
        angle: float,
        ismath: Any = False,
        mtext: Text | None = None,
    ) -> None:
        """One line of text, anchored as its artist is: the reader's font may be wider."""
        size = self.points_to_pixels(prop.get_size_in_points())
        if size < LEAST_TEXT_PX:
            raise ValueError(f"{s!r} is set in {size:.1f} px; the least is {LEAST_TEXT_PX:g}")
        width, height, descent = self.get_text_width_height_descent(s, prop, ismath)
        turn = Affine2D().rotate_deg(-angle).translate(x, y)
        box = Bbox.from_extents(0, descent - height, width, descent)
        self.texts.append((s, box.transformed(turn)))
        share = {"left": 0.0, "center": 0.5, "right": 1.0}[_alignment(mtext, angle)]
        x, y = turn.transform((width * share, 0.0))
        out = f'<text x="{number(x)}" y="{number(y)}"'
        if angle % 360:
            out += f' transform="rotate({number(-angle)} {number(x)} {number(y)})"'
        out += {0.0: "", 0.5: ' text-anchor="middle"', 1.0: ' text-anchor="end"'}[share]
        out += f' class="{self._group}"' if self._group == END_LABEL else ""
        if prop.get_weight() in ("bold", "semibold", 600, 700):
            out += ' font-weight="700"'
        colour = css_colour(to_hex(gc.get_rgb()))
        out += f' font-size="{number(size)}" fill="{colour}">{escape(s, quote=False)}</text>'
        self.parts.append(out)

    def draw_image(self, *_: Any) -> None:
        """Refused: pixels can't follow the palette."""
        raise ValueError("an image can't follow the palette: use pcolormesh, not imshow")

    def _window(self, gc: GraphicsContextBase) -> Bbox | None:
        """What may be seen, with a px around it for the width of a line along the edge."""
        if (box := gc.get_clip_rectangle()) is None:
            return None
        low, high = self.height - box.y1, self.height - box.y0
        return Bbox.from_extents(box.x0, low, box.x1, high).padded(1)

    def _clipped(self, shape: Bbox, window: Bbox) -> str:
        """A `clip-path` if the shape reaches out of the window, whose rectangle is written once."""
        if (window.min <= shape.min).all() and (shape.max <= window.max).all():
            return ""
        x, y, width, height = (number(value) for value in window.bounds)
        rectangle = f'<rect x="{x}" y="{y}" width="{width}" height="{height}"/>'
        if rectangle not in self._clips:
            self._clips[rectangle] = f"{self.prefix}clip-{len(self._clips)}"
            name = self._clips[rectangle]
            self.parts.append(f'<clipPath id="{name}">{rectangle}</clipPath>')
        return f' clip-path="url(#{self._clips[rectangle]})"'


def _alignment(text: Text | None, angle: float) -> str:
    """Which point of a line of text stays put when its width is not what was estimated."""
    if text is None:  # one of several lines
        return "left"
    if angle % 360 == 0 or text.get_rotation_mode() == "anchor":
        return text.get_horizontalalignment()
    upward = {"top": "right", "bottom": "left"} if angle % 360 == 90 else {}
    return upward.get(text.get_verticalalignment(), "center")
