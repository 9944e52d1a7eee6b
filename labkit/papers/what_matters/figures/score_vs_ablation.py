"""The picture of the truth panel: a point per part, score across and true cost up, with the telling points named."""

from __future__ import annotations

from matplotlib.axes import Axes
from matplotlib.figure import FigureBase

from labkit.figures import draw
from labkit.figures.style import INK, RULE, SIZES

from ..experiments.score_vs_ablation import ScoreVsAblationData

__all__ = ["paint"]

STRIP = 0.14  # of the height, for a name


def paint(data: ScoreVsAblationData, figure: FigureBase) -> None:
    """Draw the agreement; name the part that the score would drop first, and the two that cost most."""
    draw(data.agreement, figure)
    (ax,) = figure.axes
    found = data.agreement
    by_guess, by_truth = (
        sorted(range(len(found.labels)), key=values.__getitem__) for values in (found.guess, found.truth)
    )
    for place in by_truth[-2:]:
        late = found.guess[place] > found.guess[by_guess[len(by_guess) // 2]]
        ax.annotate(
            found.labels[place], (found.guess[place], found.truth[place]), xytext=(-7 if late else 7, 0),
            textcoords="offset points", ha="right" if late else "left", va="center", fontsize=SIZES["note"], color=INK,
        )  # fmt: skip
    first = by_guess[0]
    _room_below(ax)
    ax.annotate(
        f"{found.labels[first]} goes first", (found.guess[first], found.truth[first]), xytext=(0.02, 0.03),
        textcoords="axes fraction", ha="left", va="bottom", fontsize=SIZES["note"], color=INK,
        arrowprops={"arrowstyle": "-", "color": RULE, "linewidth": 1, "shrinkA": 1, "shrinkB": 5, "relpos": (0.04, 1)},
    )  # fmt: skip


def _room_below(ax: Axes) -> None:
    """Leave a strip under the points in which a name covers none of them."""
    transform, (low, high) = ax.transData, ax.get_ylim()
    bottom, top = (transform.transform((ax.get_xlim()[0], end))[1] for end in (low, high))
    new = transform.inverted().transform((0, bottom - STRIP * (top - bottom)))[1]
    ax.set_ylim(new, high)
