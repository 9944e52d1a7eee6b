"""A number per layer, and the angle between the streams of any two blocks."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from matplotlib.axes import Axes
from matplotlib.figure import FigureBase

from labkit.base.numbers import number

from .curves import legend_width
from .drawing import Drawing
from .style import INK, MARKS, RULE, SIZES, axes, label_axes, legend

if TYPE_CHECKING:
    from labkit.measurements import AngularDistances, LayerProfile

__all__ = ["DRAWINGS"]


def paint_profile(result: LayerProfile, figure: FigureBase) -> None:
    """Draw one line per name with its interval; a logarithmic axis where values differ by more than a hundred."""
    (ax,) = axes(figure, result.title, left=0.9, right=legend_width(result.lines))
    marks, dashes = list(MARKS.values()), (":", "-.")
    for number_of, (name, line) in enumerate(result.lines.items()):
        mark, again = marks[number_of % 4], number_of // 4
        style = {"marker": mark.marker, "markersize": 5, "color": mark.colour, "label": name}
        places = range(len(line))
        if not any(math.isnan(e.low) for e in line):
            low, high = [e.low for e in line], [e.high for e in line]
            ax.fill_between(places, low, high, color=mark.colour, alpha=0.18, linewidth=0)
        ax.plot(places, [e.value for e in line], dashes[(again - 1) % 2] if again else mark.line, **style)
    values = [e.value for line in result.lines.values() for e in line]
    if min(values) > 0 and max(values) > 100 * min(values):
        ax.set_yscale("log")
    if result.null is not None:
        ax.axhline(result.null, color=RULE, linewidth=1.0)
    _whole(ax, result.depth)
    label_axes(ax, x="layer", y=result.quantity)
    if len(result.lines) > 1:
        legend(ax)


def describe_profile(result: LayerProfile) -> str:
    """Return where each line is highest and lowest."""
    parts = []
    for name in result.lines:
        values = result.values(name)
        top, bottom = max(range(len(values)), key=values.__getitem__), min(range(len(values)), key=values.__getitem__)
        parts.append(
            f"{name} is highest at layer {top} ({number(values[top])}) and lowest at layer {bottom} "
            f"({number(values[bottom])})"
        )
    return f"{result.title} {result.quantity[0].upper()}{result.quantity[1:]}, by layer: {'; '.join(parts)}."


def paint_angles(result: AngularDistances, figure: FigureBase) -> None:
    """Draw the distances as measured, on one fixed scale from 0 to 0.5, beside the adjacent ones as a line."""
    grid = [[*row, *[math.nan] * (result.depth - len(row))] for row in result.value]
    left, right = axes(figure, "From block to block", "To the next block", left=0.75, right=0.3, between=1.7)
    image = left.imshow(grid, origin="lower", aspect="auto", cmap="viridis", vmin=0, vmax=0.5, interpolation="nearest")
    every = max(1, -(-result.depth // 8))
    left.set_yticks(range(0, result.depth, every), [str(n + 1) for n in range(0, result.depth, every)])
    _whole(left, result.depth)
    bar = figure.colorbar(image, ax=left, ticks=[0, 0.25, 0.5])
    bar.ax.tick_params(labelsize=SIZES["tick"], labelcolor=INK)
    label_axes(left, x="from block", y="to how many blocks on")
    mark, places = MARKS["intact"], range(result.depth)
    low, high = [e.low for e in result.adjacent], [e.high for e in result.adjacent]
    right.fill_between(places, low, high, color=mark.colour, alpha=0.18, linewidth=0)
    right.plot(
        places, [e.value for e in result.adjacent], mark.line, marker=mark.marker, markersize=5, color=mark.colour
    )
    right.set_ylim(0, None)
    _whole(right, result.depth)
    label_axes(right, x="block", y="angle / π")


def describe_angles(result: AngularDistances) -> str:
    """Return how far neighbours and the two ends are apart."""
    values = [e.value for e in result.adjacent]
    top, bottom = max(range(len(values)), key=values.__getitem__), min(range(len(values)), key=values.__getitem__)
    return (
        f"Angular distance over π between streams, means over {result.n} documents: block {top} turns it most "
        f"({number(values[top])}), block {bottom} least ({number(values[bottom])}); from the embedding to the end "
        f"the angle is {number(result.value[-1][0])}. 0 is the same direction, 0.5 a right angle."
    )


def _whole(ax: Axes, depth: int) -> None:
    """Put ticks at whole layers."""
    ax.set_xticks(range(0, depth, max(1, -(-depth // 10))))


DRAWINGS = {
    "LayerProfile": Drawing(paint_profile, describe_profile, lambda result: (8.6, 3.2)),
    "AngularDistances": Drawing(paint_angles, describe_angles, lambda result: (8.6, 3.4)),
}
