"""What the theory of the curse says about depth, as curves over blocks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from matplotlib.figure import FigureBase

from labkit.base.numbers import number
from labkit.figures.curves import legend_width
from labkit.figures.drawing import Drawing
from labkit.figures.style import MARKS, axes, label_axes, legend

if TYPE_CHECKING:
    from ..method.theory import TheoryCurves

__all__ = ["DRAWINGS"]


def paint_theory(result: TheoryCurves, figure: FigureBase) -> None:
    """Draw the curves, variances on a logarithmic axis."""
    (ax,) = axes(figure, result.title, left=0.9, right=legend_width(result.lines))
    depth = len(next(iter(result.lines.values())))
    for place, ((name, line), mark) in enumerate(zip(result.lines.items(), MARKS.values())):
        every = [at for at in range(depth) if at % max(1, depth // 6) == place]  # apart, where curves coincide
        style = {"color": mark.colour, "marker": mark.marker, "markevery": every, "markersize": 6}
        ax.plot(range(1, len(line) + 1), line, mark.line, label=name, **style)
    if result.quantity == "variance":
        ax.set_yscale("log")
    label_axes(ax, x="block ℓ", y=result.quantity)
    legend(ax)


def describe_theory(result: TheoryCurves) -> str:
    """Return where every curve ends."""
    ends = "; ".join(f"{name} {number(line[-1])}" for name, line in result.lines.items())
    depth = len(next(iter(result.lines.values())))
    return f"{result.title} {result.quantity[0].upper()}{result.quantity[1:]} at block {depth}: {ends}."


DRAWINGS = {"TheoryCurves": Drawing(paint_theory, describe_theory, lambda result: (8.6, 3.2))}
