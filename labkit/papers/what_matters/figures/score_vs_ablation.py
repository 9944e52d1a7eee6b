"""The picture of the truth panel: a point per part, score across and true cost up, with the telling points named."""

from __future__ import annotations

from matplotlib.axes import Axes
from matplotlib.figure import FigureBase

from labkit.base.numbers import number
from labkit.figures import draw
from labkit.figures.drawing import Drawing
from labkit.figures.style import INK, RULE, SIZES
from labkit.panels.controls import words_for

from ..experiments.score_vs_ablation import PARTS, ScoreVsAblationData

__all__ = ["DRAWINGS", "describe"]

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


def describe(data: ScoreVsAblationData) -> str:
    """Return what the picture shows, in words."""
    found = data.agreement
    which = words_for(PARTS, data.part)
    r = found.correlation
    says = f"{which[0].upper()}{which[1:]} of {data.model}, {len(found.labels)} points: "
    says += f"the rank correlation of the score ({data.metric}) with what losing a part costs is {r.value:.2f} "
    says += f"({r.low:.2f} to {r.high:.2f}; knowing nothing gives 0). "
    order = sorted(range(len(found.labels)), key=found.guess.__getitem__)
    first, few = order[0], min(4, len(order) // 2)
    cheap = set(sorted(range(len(found.labels)), key=found.truth.__getitem__)[:few])
    rank = 1 + sum(value < found.truth[first] for value in found.truth)
    cost = number(found.truth[first], 2)
    says += f"The score would first drop {found.labels[first]}, which costs {cost} nats a token (place {rank} of "
    says += f"{len(order)} from the cheapest). "
    says += f"Of its {few} lowest, {len(cheap & set(order[:few]))} are among the {few} cheapest."
    return says


DRAWINGS = {"ScoreVsAblationData": Drawing(paint, describe, lambda data: (8.6, 3.8))}
