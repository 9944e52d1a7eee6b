"""What λ set by hand does: weights and right answers, for one λ and over many; depths of the needle. Lesson: 04."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from matplotlib.figure import FigureBase

from labkit.figures import Lines
from labkit.figures.style import INK, MARKS, RULE, SIZES, axes, bars, label_axes, row_names

from ..experiments.allocation import PLACES
from .maps import MAPS

if TYPE_CHECKING:
    from ..experiments.retrieval import DepthGrid
    from ..experiments.surgery import LambdaData, Surgery

__all__ = ["grid_lines", "lambda_lines", "paint_lambda"]


def lambda_lines(surgeries: Mapping[str, Surgery], *, title: str) -> Lines:
    """Return right answers over λ as lines, one for each named surgery over the same values of λ."""
    first = next(iter(surgeries.values()))
    told = "; ".join(
        f"{name}: {one.intact.accuracy.value:.2f} with its own λ of {one.own:.2f}, "
        + ", ".join(f"{right:.2f} at {lam:g}" for lam, right in zip(one.values, one.accuracies()))
        for name, one in surgeries.items()
    )
    return Lines(
        title=title, x=first.values, lines={name: one.accuracies() for name, one in surgeries.items()},
        x_label=f"λ, set by hand (learned: {first.own:.2f})".replace("-", "−"), y_label="share of right answers",
        sentence=f"Right answers by λ. {told}.", dots=True,
    )  # fmt: skip


def grid_lines(grids: Mapping[str, DepthGrid], *, title: str) -> Lines:
    """Return right answers over the depth of the needle, at the longest text of each grid."""
    first = next(iter(grids.values()))
    lines = {name: [row[-1] for row in one.accuracies()] for name, one in grids.items()}
    told = "; ".join(" ".join((name, *(f"{right:.2f}" for right in line))) for name, line in lines.items())
    return Lines(
        title=title, x=[100 * depth for depth in first.depths], lines=lines, dots=True,
        x_label="depth of the needle, %",
        y_label="share of right answers", sentence=f"Right answers by depth, {first.lengths[-1]} tokens: {told}.",
    )  # fmt: skip


def paint_lambda(data: LambdaData, figure: FigureBase) -> None:
    """Draw the weights by place and map left, the share of right answers right, as trained and now."""
    left, right = axes(
        figure,
        f"Weights, λ = {data.lam:.2f}".replace("-", "−"),
        "Right answers",
        left=1.75,
        right=0.55,
        between=1.3,
    )
    looks = (MARKS["intact"], MARKS["attention"], MARKS["cut"])
    for number, (name, row, look) in enumerate(zip(MAPS, data.weights, looks)):
        places = [place + 0.26 * (number - 1) for place in range(len(PLACES))]
        bars(left, places, row, look, 0.24, across=True, label=name)
        for place, weight in zip(places, row):
            left.annotate(
                f"{weight:.2f}".replace("-", "−"), (max(weight, 0.0), place), xytext=(3, 0), va="center",
                textcoords="offset points", fontsize=SIZES["note"], color=INK,
            )  # fmt: skip
    left.axvline(0, color=RULE, linewidth=1)
    left.set_xlim(-0.6, 2.6)
    row_names(left, PLACES)
    left.set_ylim(len(PLACES) - 0.4, -0.6)
    left.legend(loc="center right", frameon=False, fontsize=SIZES["note"], labelcolor=INK)
    label_axes(left, x="sum of weights")
    for row, (share, name) in enumerate(zip(data.right, ("intact", "cut"))):
        bars(right, [row], [share], MARKS[name], 0.5, across=True)
        right.annotate(
            f"{share:.2f}", (share, row), xytext=(4, 0), textcoords="offset points", va="center",
            fontsize=SIZES["note"], color=INK,
        )  # fmt: skip
    right.set_xlim(0, 1.05)
    right.set_xticks([0, 0.5, 1])
    row_names(right, ["as trained", "now"])
    right.set_ylim(1.6, -0.6)
    label_axes(right, x="share of right answers")
