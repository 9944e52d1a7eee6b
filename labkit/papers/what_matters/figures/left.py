"""What is left as parts go: one line for the loss and each skill, every point with its interval."""

from __future__ import annotations

from typing import TYPE_CHECKING

from matplotlib.figure import FigureBase

from labkit.base.numbers import number
from labkit.figures.drawing import Drawing
from labkit.figures.style import RULE, axes, label_axes, legend, looks, text_width

if TYPE_CHECKING:
    from ..experiments.left import Left

__all__ = ["DRAWINGS"]

DASHES = ("-", "--", ":", "-.")
APART = 0.07  # parts between two neighbours' points, so that their intervals can be told apart


def paint(left: Left, figure: FigureBase) -> None:
    """Draw the lines side by side at each count."""
    title = f"{left.strategy[0].upper()}{left.strategy[1:]}s go, the lowest score first: what is left?"
    (ax,) = axes(figure, title, left=0.95, right=0.9 + max(map(text_width, left.lines)))
    found = looks(list(left.lines))
    for order, (name, line) in enumerate(left.lines.items()):
        mark, shift = found[name], APART * (order - (len(left.lines) - 1) / 2)
        places = [k + shift for k in left.counts]
        ax.plot(places, [one.value for one in line], DASHES[order % 4], marker=mark.marker, color=mark.colour,
                markersize=5, linewidth=1.6, label=name)  # fmt: skip
        ax.vlines(places, [one.low for one in line], [one.high for one in line], color=mark.colour, linewidth=1)
    ax.axhline(0, color=RULE, linewidth=1)
    ax.axhline(0.9, color=RULE, linewidth=1, linestyle=":")
    ax.set_xticks(left.counts)
    ax.set_yticks([0, 0.2, 0.4, 0.6, 0.8, 0.9, 1], ["0", "0.2", "0.4", "0.6", "0.8", "0.9", "1"])
    label_axes(ax, x=f"{left.strategy}s gone, of {left.counts[-1]}", y="left (1 intact, 0 knows nothing)")
    legend(ax)


def describe(left: Left) -> str:
    """Return where each line falls, and what is left two thirds of the way."""
    falls, place = left.falls(), -(-2 * len(left.counts) // 3) - 1
    said = [
        f"{name} is {'never' if falls[name] is None else f'with {falls[name]} gone first'} below 0.9, and with "
        f"{left.counts[place]} gone at {number(line[place].value, 2)} (95 % interval {number(line[place].low, 2)} to "
        f"{number(line[place].high, 2)} over {line[place].n} {line[place].over})"
        for name, line in left.lines.items()
    ]
    return f"Share that is left as {left.strategy}s of {left.model} go: {'; '.join(said)}."


DRAWINGS = {"Left": Drawing(paint, describe, lambda left: (8.6, 3.8))}
