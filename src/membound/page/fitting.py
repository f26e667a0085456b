"""Texts that neither collide nor run out of the drawing, whatever its width and language."""

import re
from collections.abc import Sequence
from itertools import combinations, pairwise

from matplotlib.axis import Axis
from matplotlib.backend_bases import RendererBase
from matplotlib.figure import Figure
from matplotlib.text import Annotation, Text
from matplotlib.ticker import FixedLocator
from matplotlib.transforms import Bbox

from membound.page.style import END_LABEL

# A line may end after a word, and after a Chinese character and the marks that belong to it.
PIECES = re.compile(r"[\u2e80-\u9fff][\u3000-\u303f\uff00-\uff65]*|[^\s\u2e80-\u9fff]+\s*|\s+|.")


def wrap(text: Text, width: float, renderer: RendererBase) -> None:
    """Break `text` into lines of at most `width` px, where its words allow."""

    def fits(line: str) -> bool:
        prop = text.get_fontproperties()
        return renderer.get_text_width_height_descent(line.rstrip(), prop, False)[0] <= width

    if all(fits(line) for line in text.get_text().split("\n")):
        return
    lines = [""]
    for piece in PIECES.findall(text.get_text().replace("\n", " ")):
        if lines[-1].strip() and not fits(lines[-1] + piece):
            lines.append("")
        lines[-1] += piece
    text.set_text("\n".join(line.strip() for line in lines))


def thin_ticks(axis: Axis, renderer: RendererBase) -> bool:
    """Keep every second tick of a numbered axis if their labels collide; say whether it did so."""
    low, high = sorted(axis.get_view_interval())
    ticks = [tick for tick in axis.get_majorticklocs() if low <= tick <= high]
    labels = [text for text in axis.get_majorticklabels() if text.get_text()]
    boxes = [label.get_window_extent(renderer).padded(2) for label in labels]
    if not any(one.overlaps(other) for one, other in pairwise(boxes)):
        return False
    axis.major.locator = FixedLocator(ticks[::2])
    axis.major.locator.set_axis(axis)
    return True


def separate_end_labels(labels: Sequence[Annotation], renderer: RendererBase) -> None:
    """Move the end labels of one axes apart, up and down, as little as it takes."""
    frame = labels[0].axes.bbox
    boxes = [label.get_window_extent(renderer) for label in labels]
    middles = [(box.y0 + box.y1) / 2 for box in boxes]
    order = sorted(range(len(labels)), key=lambda i: (middles[i], i))
    moved = list(middles)
    for _ in range(300):
        for i in order:
            reach = min(boxes[i].height / 2, frame.height / 2)
            moved[i] = min(max(moved[i], frame.y0 + reach), frame.y1 - reach + 4)
        for low, high in combinations(order, 2):
            beside = boxes[low].x0 < boxes[high].x1 and boxes[high].x0 < boxes[low].x1
            need = (boxes[low].height + boxes[high].height) / 2 + 1
            if beside and (lack := need - (moved[high] - moved[low])) > 0.01:
                moved[low] -= lack / 2
                moved[high] += lack / 2
    scale = 72 / labels[0].get_figure(root=True).dpi
    for label, old, new in zip(labels, middles, moved, strict=True):
        x, y = label.get_position()
        inward = min(0.0, frame.x1 - label.get_window_extent(renderer).x0)
        label.set_position((x + inward * scale, y + (new - old) * scale))


def refuse_collisions(texts: Sequence[tuple[str, Bbox]], frame: Bbox, kind: str) -> None:
    """`ValueError` for the first text that leaves the drawing or covers another."""
    for text, box in texts:
        if (
            box.x0 < frame.x0 - 1
            or box.x1 > frame.x1 + 1
            or box.y0 < frame.y0 - 1
            or box.y1 > frame.y1 + 1
        ):
            raise ValueError(f"{text!r} runs out of the {kind} drawing: shorten or move it")
    for (text, box), (other, other_box) in combinations(texts, 2):
        if box.padded(-1).overlaps(other_box.padded(-1)):
            raise ValueError(f"{text!r} and {other!r} collide in the {kind} drawing: move one")


def end_labels(figure: Figure) -> list[list[Annotation]]:
    """The end labels of each axes that has some."""
    found = [[text for text in axes.texts if text.get_gid() == END_LABEL] for axes in figure.axes]
    return [labels for labels in found if labels]
