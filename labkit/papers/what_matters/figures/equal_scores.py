"""Score against cost, a point per part, with two parts of one score ringed and named."""

from __future__ import annotations

from typing import TYPE_CHECKING

from matplotlib.figure import FigureBase

from labkit.base.numbers import number
from labkit.figures import describe as in_words
from labkit.figures import draw
from labkit.figures.drawing import Drawing
from labkit.figures.style import INK, RULE, SIZES

if TYPE_CHECKING:
    from ..experiments.equal_scores import EqualScores

__all__ = ["DRAWINGS"]

NAMED = 2  # parts that cost most, named beside their points
# In points: the attention's name stands above the crowd, the MLP's below it.
AWAY = {"attention": (14, 34), "MLP": (-14, -44)}
LEADER = {"arrowstyle": "-", "color": RULE, "linewidth": 1, "shrinkA": 1, "shrinkB": 8}


def paint(found: EqualScores, figure: FigureBase) -> None:
    """Draw the agreement; ring the pair in the middle, and name it and the parts that cost most."""
    draw(found.agreement, figure)
    ax = figure.axes[0]
    places = dict(zip(found.agreement.labels, zip(found.agreement.guess, found.agreement.truth)))
    about = {"textcoords": "offset points", "fontsize": SIZES["note"], "color": INK}
    a, b, _ = found.middle
    for kind, layer in (("attention", a), ("MLP", b)):
        place = places[f"{kind} {layer}"]
        ax.plot(*place, "o", markersize=14, markerfacecolor="none", markeredgecolor=INK, markeredgewidth=1.4)
        ax.annotate(f"{kind} {layer}", place, xytext=AWAY[kind], ha="center", va="center", **about,
                    arrowprops=LEADER)  # fmt: skip
    for label in sorted(places, key=lambda name: places[name][1])[-NAMED:]:
        ax.annotate(label, places[label], xytext=(-8, 0), ha="right", va="center", **about)


def describe(found: EqualScores) -> str:
    """Return the agreement in words, and the ringed pair."""
    a, b, times = found.middle
    guess = dict(zip(found.agreement.labels, found.agreement.guess))
    truth = dict(zip(found.agreement.labels, found.agreement.truth))
    names = (f"attention {a}", f"MLP {b}")
    scored, paid = (" and ".join(number(values[name], 2) for name in names) for values in (guess, truth))
    return (
        f"{in_words(found.agreement)} Ringed are {names[0]} and {names[1]}, which score {scored} and cost {paid} nats "
        f"a token: {number(times, 2)} times as much, the middle one of {len(found.pairs)} such pairs."
    )


DRAWINGS = {"EqualScores": Drawing(paint, describe, lambda found: (8.6, 4.4))}
