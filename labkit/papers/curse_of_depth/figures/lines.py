"""Small line plots side by side, one value per block: the picture that panels about depth have in common."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import FigureBase
from matplotlib.ticker import MaxNLocator

from labkit.figures.style import INK, MARKS, SIZES, axes, inches, label_axes

__all__ = ["Plot", "paint_plots"]

LOOKS = tuple(MARKS.values())


@dataclass(frozen=True)
class Plot:
    """One set of axes: name of the line -> one value per block, from block 1 on, drawn within `limits`.

    A value outside is drawn at the edge. Lines of one name look alike in every plot beside each other. places: where
    the values stand, if not at blocks, from 0 to `reach`.
    """

    title: str
    lines: Mapping[str, Sequence[float]]
    limits: tuple[float, float]
    y: str = ""
    log: bool = False
    x: str = "block"
    places: Sequence[float] = ()
    reach: float = 0.0


def paint_plots(plots: Sequence[Plot], figure: FigureBase) -> None:
    """Draw the plots side by side, with one legend under them all."""
    column = {"left": 0.8, "right": 0.2, "bottom": 0.95, "between": 0.85}
    names = list(dict.fromkeys(name for plot in plots for name in plot.lines))
    made = axes(figure, *(plot.title for plot in plots), **column)
    for plot, ax in zip(plots, made):
        for name, values in plot.lines.items():
            _line(ax, plot, values, names.index(name), name)
        ax.set_ylim(*plot.limits)
        if plot.log:
            ax.set_yscale("log")
            ax.minorticks_off()
        ax.xaxis.set_major_locator(MaxNLocator(5, integer=True))
        last = max(map(len, plot.lines.values()))
        ax.set_xlim(*((0.0, plot.reach) if plot.reach else (0.5, last + 0.5)))
        label_axes(ax, x=plot.x, y=plot.y)
    if len(names) > 1:
        handles = {name: line for ax in made for line, name in zip(*ax.get_legend_handles_labels())}
        width, _ = inches(figure)
        figure.legend(
            handles.values(), handles, loc="lower left", bbox_to_anchor=(0.6 / width, 0.0), ncols=4, frameon=False,
            fontsize=SIZES["label"], labelcolor=INK,
        )  # fmt: skip


def _line(ax: Axes, plot: Plot, values: Sequence[float], place: int, name: str) -> None:
    look = LOOKS[place % len(LOOKS)]
    low, high = plot.limits
    shown = [math.nan if math.isnan(value) else min(max(value, low), high) for value in values]
    every = max(1, len(shown) // 12)
    style = {"marker": look.marker, "markersize": 6 if place else 4.5, "markevery": (place % every, every)}
    # The first line lies on top and is small: where two agree, both are seen.
    ax.plot(
        plot.places or range(1, 1 + len(shown)), shown, look.line, color=look.colour, label=name,
        zorder=5 - place, linewidth=1.8, **style,
    )  # fmt: skip
