"""Clipping with the weight kept, against plain rounding: one line for each number of bits, over the clips."""

from __future__ import annotations

from typing import TYPE_CHECKING

from matplotlib.figure import FigureBase

from labkit.base.numbers import known
from labkit.figures.drawing import Drawing
from labkit.figures.style import BAND, MARKS, RULE, axes, label_axes, legend, whiskers

from ..experiments.rounding import MARGIN

if TYPE_CHECKING:
    from ..experiments.rounding import RoundingGrid

__all__ = ["DRAWINGS"]

_MARKS = ("cut", "attention", "mlp", "intact")


def paint(grid: RoundingGrid, figure: FigureBase) -> None:
    """Draw the difference to plain rounding at each clip; the margin is a band around 0."""
    (ax,) = axes(figure, "Clipped with the weight kept, against plain rounding", left=0.95, right=1.2)
    ax.axhspan(-MARGIN, MARGIN, color=BAND, linewidth=0, zorder=0)
    ax.axhline(0, color=RULE, linewidth=1)
    for number, (bits, name) in enumerate(zip(grid.bits, _MARKS)):
        mark, shift = MARKS[name], 0.08 * (number - (len(grid.bits) - 1) / 2)
        found = [grid.saved(bits, clip) for clip in grid.clips]
        places = [place + shift for place in range(len(found))]
        whiskers(ax, places, [one.low for one in found], [one.high for one in found])
        ax.plot(
            places, [one.value for one in found], mark.line, marker=mark.marker, color=mark.colour, zorder=5,
            label=f"{bits} bits",
        )  # fmt: skip
    ax.set_xticks(range(len(grid.clips)), [f"{clip:g}" for clip in grid.clips])
    ax.margins(y=0.12)
    legend(ax)
    label_axes(ax, x="clipped at so many standard deviations", y="nats a token\n(below 0: it pays)")


def describe(grid: RoundingGrid) -> str:
    """Return where it pays and where it costs, by number of bits."""
    said = []
    for bits in grid.bits:
        words = grid.words(bits)
        listed = [
            f"{word} at {', '.join(known(clip) for clip in words if words[clip] == word)}"
            for word in dict.fromkeys(words.values())
        ]
        said.append(f"At {bits} bits clipping with the weight kept {'; '.join(listed)}.")
    return " ".join(said)


DRAWINGS = {"RoundingGrid": Drawing(paint, describe, lambda grid: (8.6, 3.4))}
