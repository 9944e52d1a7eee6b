"""A number per layer, as a line per name."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from matplotlib.axes import Axes
from matplotlib.figure import FigureBase

from labkit.base.numbers import number

from .curves import legend_width
from .drawing import Drawing
from .style import MARKS, RULE, axes, label_axes, legend

if TYPE_CHECKING:
    from labkit.measurements import LayerProfile

__all__ = ["DRAWINGS", "whole_layers"]


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
    whole_layers(ax, result.depth)
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


def whole_layers(ax: Axes, depth: int) -> None:
    """Put ticks at whole layers."""
    ax.set_xticks(range(0, depth, max(1, -(-depth // 10))))


DRAWINGS = {"LayerProfile": Drawing(paint_profile, describe_profile, lambda result: (8.6, 3.2))}
