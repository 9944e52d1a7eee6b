"""A weight through training: how loud it grows, and what the model loses without it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from matplotlib.figure import FigureBase

from labkit.base.numbers import number
from labkit.figures.drawing import Drawing
from labkit.figures.style import MARKS, RULE, axes, inches, label_axes, legend, whiskers

if TYPE_CHECKING:
    from ..experiments.emergence import Emergence

__all__ = ["DRAWINGS"]


def paint(found: Emergence, figure: FigureBase) -> None:
    """Draw the largest entry written left, what zeroing costs beside its worst null right, checkpoint by checkpoint."""
    left, right = axes(figure, "How loud", "Cost of losing it", left=0.95, right=1.85, between=1.3, bottom=0.85)
    places = list(range(len(found.moments)))
    mark = MARKS["mlp"]
    left.plot(places, [one.spike for one in found.moments], mark.line, marker=mark.marker, color=mark.colour)
    left.set_yscale("log")
    for name, label, look, shift in (
        ("ratio", "this weight", "cut", -0.12),
        ("worst_null", f"worst of {found.nulls}", "intact", 0.12),
    ):
        mark, ratios = MARKS[look], [getattr(one, name) for one in found.moments]
        at = [place + shift for place in places]
        whiskers(right, at, [_percent(r.low) for r in ratios], [_percent(r.high) for r in ratios])
        right.plot(
            at, [_percent(r.value) for r in ratios], mark.marker, color=mark.colour, markersize=6, zorder=5, label=label
        )
    right.axhline(0, color=RULE, linewidth=1)
    steps = [one.name.removeprefix("step ") for one in found.moments]
    label_axes(left, x="step of training", y="largest entry written\nby a down projection")
    label_axes(right, x="step of training", y="percent more perplexity")
    height = inches(figure)[1]
    for ax in (left, right):
        ax.set_xticks(places, steps, rotation=55, ha="right", rotation_mode="anchor")
        ax.xaxis.set_label_coords(0.5, -0.52 / (height * ax.get_position().height))
    legend(right)


def _percent(ratio: float) -> float:
    return 100 * (ratio - 1)


def describe(found: Emergence) -> str:
    """Return first and last spike, and the largest cost of the weight beside its null's."""
    first, last = found.moments[0], found.moments[-1]
    worst = max(found.moments, key=lambda one: one.ratio.value)
    named = [one.name for one in found.moments if one.named]
    return (
        f"Through the training of {found.model} the largest entry that a down projection writes goes from "
        f"{number(first.spike)} at {first.name} to {number(last.spike)} at the {last.name}. Without its most prominent "
        f"weight perplexity is at most {number(worst.ratio.value, 5)} times as large ({worst.name}; without the worst "
        f"of {found.nulls} others there, {number(worst.worst_null.value, 5)} times). "
        + (f"The detector names a weight at: {', '.join(named)}." if named else "The detector never names a weight.")
    )


DRAWINGS = {"Emergence": Drawing(paint, describe, lambda found: (8.6, 3.5))}
