"""The residual stream from the embedding to the last block: how long it grows, and how spiky."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from matplotlib.axes import Axes
from matplotlib.figure import FigureBase

from labkit.base.numbers import known, number

from .drawing import Drawing
from .style import BAND, MARKS, SIZES, SOFT, axes, label_axes

if TYPE_CHECKING:
    from labkit.measurements import ResidualStats

__all__ = ["DRAWINGS"]

SHOWN = (
    ("norm", "How long is the stream?", "length of h"),
    ("top_over_median", "How spiky?", "largest |h| / median |h|"),
)


def paint(stats: ResidualStats, figure: FigureBase) -> None:
    """Draw length and spikiness per boundary, with intervals, on logarithmic axes."""
    places = range(len(stats.boundaries))
    pair = axes(figure, *(question for _, question, _ in SHOWN), left=0.9, right=0.3)
    for ax, (name, _, label) in zip(pair, SHOWN):
        estimates, mark = getattr(stats, name), MARKS["intact"]
        ax.fill_between(places, [e.low for e in estimates], [e.high for e in estimates], color=BAND, linewidth=0)
        ax.plot(places, [e.value for e in estimates], mark.line, marker=mark.marker, color=mark.colour, markersize=6)
        _logarithmic(ax)
        every = max(1, -(-len(places) // 13))
        ax.set_xticks(places[::every], ["in", *map(str, range(len(places) - 1))][::every])
        label_axes(ax, x="after block (in: the embedding)", y=label)
    where = (1, 1.02)
    said = f"means over {estimates[0].n} {estimates[0].over}"
    ax.annotate(said, where, xycoords="axes fraction", ha="right", va="bottom", fontsize=SIZES["note"], color=SOFT)


def describe(stats: ResidualStats) -> str:
    """Return where the stream starts and ends, and where it is spikiest."""
    first, last = stats.norm[0].value, stats.norm[-1].value
    spike = max(range(len(stats.boundaries)), key=lambda place: stats.top_over_median[place].value)
    return (
        f"The residual stream grows from length {number(first)} at {stats.boundaries[0]} to {number(last)} at "
        f"{stats.boundaries[-1]}. Its largest entry is at most {number(stats.top_over_median[spike].value)} times the "
        f"median, at {stats.boundaries[spike]}."
    )


def _logarithmic(ax: Axes) -> None:
    """Make the y axis logarithmic, with ticks at 1, 2 and 5 times powers of ten written as plain numbers."""
    ax.set_yscale("log")
    low, high = ax.get_ylim()
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    ticks = [step * 10.0**power for power in powers for step in (1, 2, 5) if low <= step * 10.0**power <= high]
    ax.set_yticks(ticks, [known(tick) for tick in ticks])
    ax.set_yticks([], minor=True)
    ax.set_ylim(low, high)
    ax.grid(axis="y", color=BAND, linewidth=0.8)


DRAWINGS = {"ResidualStats": Drawing(paint, describe, lambda stats: (8.6, 3.2))}
