"""The angle between the streams of any two blocks."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from matplotlib.figure import FigureBase

from labkit.base.numbers import number
from labkit.figures.drawing import Drawing
from labkit.figures.style import INK, MARKS, SIZES, axes, label_axes

if TYPE_CHECKING:
    from ..method.distances import AngularDistances

__all__ = ["DRAWINGS"]


def paint_angles(result: AngularDistances, figure: FigureBase) -> None:
    """Draw the distances as measured, on one fixed scale from 0 to 0.5, beside the adjacent ones as a line."""
    grid = [[*row, *[math.nan] * (result.depth - len(row))] for row in result.value]
    left, right = axes(
        figure, "Angle between the streams before two blocks", "Turn by each block", left=0.75, right=0.3, between=1.7
    )
    image = left.imshow(grid, origin="lower", aspect="auto", cmap="viridis", vmin=0, vmax=0.5, interpolation="nearest")
    every = max(1, -(-result.depth // 8))
    ticks = range(0, result.depth, every), [str(n + 1) for n in range(0, result.depth, every)]
    left.set_yticks(*ticks)
    left.set_xticks(*ticks)
    bar = figure.colorbar(image, ax=left, ticks=[0, 0.25, 0.5])
    bar.ax.tick_params(labelsize=SIZES["tick"], labelcolor=INK)
    label_axes(left, x="from block", y="how many blocks on")
    mark, places = MARKS["intact"], range(result.depth)
    low, high = [e.low for e in result.adjacent], [e.high for e in result.adjacent]
    right.fill_between(places, low, high, color=mark.colour, alpha=0.18, linewidth=0)
    right.plot(
        places, [e.value for e in result.adjacent], mark.line, marker=mark.marker, markersize=5, color=mark.colour
    )
    right.set_ylim(0, None)
    right.set_xticks(*ticks)
    label_axes(right, x="block", y="angle / π")


def describe_angles(result: AngularDistances) -> str:
    """Return how far neighbours and the two ends are apart."""
    values = [e.value for e in result.adjacent]
    top, bottom = max(range(len(values)), key=values.__getitem__), min(range(len(values)), key=values.__getitem__)
    return (
        f"Angular distance over π between streams, means over {result.n} documents: block {top + 1} turns it most "
        f"({number(values[top])}), block {bottom + 1} least ({number(values[bottom])}); from the embedding to the end "
        f"the angle is {number(result.value[-1][0])}. 0 is the same direction, 0.5 a right angle."
    )


DRAWINGS = {
    "AngularDistances": Drawing(paint_angles, describe_angles, lambda result: (8.6, 3.4)),
}
