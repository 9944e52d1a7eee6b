"""Right answers by task, without and with the change: the right half of this paper's panels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from labkit.figures.style import INK, MARKS, SIZES, axes, bars, label_axes, row_names

if TYPE_CHECKING:
    from matplotlib.figure import FigureBase

__all__ = ["paint_shares"]


def paint_shares(
    figure: FigureBase,
    title: str,
    tasks: Sequence[str],
    plain: Mapping[str, float],
    hatched: Mapping[str, float],
    asked: int,
) -> None:
    """Draw two bars a task, each with its share beside it; `asked` is the number of questions of each."""
    (ax,) = axes(figure, title, left=0.6, right=0.55)
    for offset, name, values in ((-0.19, "intact", plain), (0.19, "cut", hatched)):
        places = [row + offset for row in range(len(tasks))]
        bars(ax, places, [values[task] for task in tasks], MARKS[name], 0.34, across=True)
        for place, task in zip(places, tasks):
            ax.annotate(
                f"{values[task]:.0%}", (values[task], place), xytext=(4, 0), textcoords="offset points", va="center",
                fontsize=SIZES["note"], color=INK,
            )  # fmt: skip
    row_names(ax, tasks)
    ax.set_ylim(len(tasks) - 0.4, -0.6)
    ax.set_xlim(0, 1.0)
    ax.set_xticks([0, 0.5, 1], ["0", "50 %", "100 %"])
    label_axes(ax, x=f"of {asked} questions each")
