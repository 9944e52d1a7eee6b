"""The picture of the truth panel: a point per part, score across and true cost up, with the telling points named."""

from __future__ import annotations

from matplotlib.figure import FigureBase

from labkit.figures import draw
from labkit.figures.style import INK, SIZES

from ..experiments.score_vs_ablation import ScoreVsAblationData

__all__ = ["paint"]


def paint(data: ScoreVsAblationData, figure: FigureBase) -> None:
    """Draw the agreement; name the part that the score would drop first, and the two that cost most."""
    draw(data.agreement, figure)
    (ax,) = figure.axes
    found = data.agreement
    by_guess, by_truth = (
        sorted(range(len(found.labels)), key=values.__getitem__) for values in (found.guess, found.truth)
    )
    for place in dict.fromkeys([by_guess[0], *by_truth[-2:]]):
        first = place == by_guess[0]
        late = found.guess[place] > found.guess[by_guess[len(by_guess) // 2]]
        ax.annotate(
            found.labels[place] + (" goes first" if first else ""), (found.guess[place], found.truth[place]),
            xytext=(-5, -8) if first else (-7 if late else 7, 0), textcoords="offset points",
            ha="left" if first else "right" if late else "left", va="top" if first else "center",
            fontsize=SIZES["note"], color=INK, bbox={"facecolor": "white", "edgecolor": "none", "pad": 1, "alpha": 0.8},
        )  # fmt: skip
    ax.margins(y=0.12)
