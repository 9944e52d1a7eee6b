"""Curves: losses of runs while they train, and the difference of two recipes."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from matplotlib.figure import FigureBase

from labkit.base.numbers import signed

from .drawing import Drawing
from .style import INK, MARKS, RULE, SIZES, axes, label_axes, legend, text_width

if TYPE_CHECKING:
    from labkit.measurements import CurveDifference
    from labkit.training import Curves

__all__ = ["DRAWINGS", "legend_width"]

_MILLION = 1e6
_DASHES = ("-", "--", ":", "-.")


def legend_width(names: Iterable[str]) -> float:
    """Return the inches that a legend of these names takes to the right of the axes; little for a single name."""
    named = list(names)
    return 0.75 + max(text_width(name, "label") for name in named) if len(named) > 1 else 0.3


def paint_curves(result: Curves, figure: FigureBase) -> None:
    """Draw every run as a thin line, recipes apart by colour, dash and marker; a cross where one diverged."""
    (ax,) = axes(figure, "Loss while training", left=0.9, right=legend_width(result.recipes))
    marks = list(MARKS.values())
    for place, recipe in enumerate(result.recipes):
        mark, dash = marks[place % 4], _DASHES[place // 4 % 4]
        for number_of, run in enumerate(result.of(recipe)):
            x = [tokens / _MILLION for tokens in run.tokens]
            every = max(1, len(x) // 6)
            label = recipe if number_of == 0 else None
            style: dict[str, Any] = {"color": mark.colour, "marker": mark.marker, "markevery": every, "markersize": 4}
            ax.plot(x, run.loss, dash, linewidth=1.0, label=label, **style)
            if run.status == "diverged" and x:
                ax.plot(x[-1:], run.loss[-1:], "X", color=INK, markersize=9)
    finite = [loss for run in result for loss in run.loss[len(run.loss) // 10 :] if math.isfinite(loss)]
    if finite:
        low, high = min(finite), max(finite)
        ax.set_ylim(low - 0.05 * (high - low + 1e-3), high + 0.05 * (high - low + 1e-3))
    label_axes(ax, x="million tokens", y="nats a token")
    legend(ax)


def describe_curves(result: Curves) -> str:
    """Return the last losses of each recipe, and what diverged or did not finish."""
    parts = []
    for recipe in result.recipes:
        losses = [run.last_loss for run in result.of(recipe) if run.status == "finished"]
        spread = f"{min(losses):.4f} to {max(losses):.4f}" if losses else "none finished"
        parts.append(f"{recipe} {spread} ({len(losses)} of {len(result.of(recipe))} runs finished)")
    said = "".join(f" {run.recipe}, lr {run.lr:g}, seed {run.seed} diverged: {run.said}." for run in result.diverged)
    return f"Training loss in nats a token over the last tenth: {'; '.join(parts)}.{said}"


def paint_difference(result: CurveDifference, figure: FigureBase) -> None:
    """Draw the paired difference with its interval over seeds, and a line at no difference."""
    (ax,) = axes(figure, f"{result.second} minus {result.first}", left=1.0, right=0.3)
    x, mark = [tokens / _MILLION for tokens in result.tokens], MARKS["intact"]
    shown = result.difference
    if len(result.seeds) > 1:
        ax.fill_between(x, [e.low for e in shown], [e.high for e in shown], color=mark.colour, alpha=0.18, linewidth=0)
    ax.plot(x, [e.value for e in shown], mark.line, color=mark.colour)
    ax.axhline(0, color=RULE, linewidth=1.0)
    late = [end for one in shown[len(shown) // 2 :] for end in (one.value, one.low, one.high) if math.isfinite(end)]
    reach = 3 * max(map(abs, late)) + 1e-3  # early differences are large, and say little about the end
    ax.set_ylim(-reach, reach)
    label_axes(ax, x="million tokens", y="nats a token")
    ax.yaxis.set_label_coords(-0.72 / (ax.bbox.width / 100), 0.5)  # beside signed numbers
    note = f"paired over {len(result.seeds)} seeds; below 0: {result.second} is better"
    if any(abs(one.value) > reach for one in shown):
        note += "; the beginning is off the picture"
    ax.annotate(note, (1, 0.98), xycoords="axes fraction", ha="right", va="top", fontsize=SIZES["note"], color=INK)


def describe_difference(result: CurveDifference) -> str:
    """Return the last difference with its interval, and where the curves crossed."""
    last, crossed = result.last, [f"{tokens:,}" for tokens in result.crossings[:4]]
    return (
        f"Training loss of {result.second} minus that of {result.first}, last tenth: {signed(last.value, 3)} nats a "
        f"token ({signed(last.low, 3)} to {signed(last.high, 3)}, {len(result.seeds)} seeds). Its sign "
        + (f"changed after {', '.join(crossed)} tokens." if crossed else "changed nowhere.")
    )


DRAWINGS = {
    "Curves": Drawing(paint_curves, describe_curves, lambda result: (8.6, 3.4)),
    "CurveDifference": Drawing(paint_difference, describe_difference, lambda result: (8.6, 3.0)),
}
