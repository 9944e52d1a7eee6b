"""One number with its interval, over the units it was taken from."""

from __future__ import annotations

import math
from collections import Counter

from matplotlib.figure import FigureBase

from labkit.base.numbers import known, number
from labkit.measurements import Estimate

from .drawing import Drawing
from .intervals import interval
from .style import INK, MARKS, SIZES, SOFT, axes, bars, label_axes, whiskers

__all__ = ["DRAWINGS"]

COLUMNS = 60  # places along the axis at which equal values are piled


def paint(estimate: Estimate, figure: FigureBase) -> None:
    """Draw a dot per unit, piled where they are alike, and under them the mean with its interval."""
    title = f"{estimate.name.capitalize()} {number(estimate.value)}{interval(estimate)}"
    (ax,) = axes(figure, title, left=0.35, right=0.35)
    low, high = _reach(estimate)
    values = [value for value in estimate.per_unit if math.isfinite(value)]
    if len(set(values)) > 2:
        x, y = _piles(values, low, high)
        ax.plot(x, y, "o", color=MARKS["intact"].colour, markersize=5, alpha=0.85, markeredgewidth=0)
        ax.set_ylim(-0.5, max(1.4, max(y) + 0.2))
        _say(ax, f"each dot is one of {len(values):,} {estimate.over}", (1, 0.97))
    else:  # right or wrong: two piles would say less than one bar
        ax.set_ylim(-0.5, 0.6)
        bars(ax, [-0.15], [estimate.value], MARKS["intact"], 0.4, across=True)
    whiskers(ax, [-0.15], [estimate.low], [estimate.high], across=True)
    ax.plot(estimate.value, -0.15, "D", color=INK, markersize=9, markeredgecolor="white", zorder=5)
    if estimate.null is not None:
        ax.axvline(estimate.null, color=INK, linewidth=1.4, linestyle=":")
        ax.annotate(f" null {known(estimate.null)}", (estimate.null, ax.get_ylim()[1]), va="top", color=SOFT,
                    fontsize=SIZES["note"])  # fmt: skip
    ax.set_xlim(low, high)
    ax.set_yticks([])
    ax.spines["left"].set_visible(False)
    label_axes(ax, x=f"{estimate.name} ({estimate.unit})" if estimate.unit else estimate.name)


def describe(estimate: Estimate) -> str:
    """Return the number, its unit, interval and null."""
    null = "" if estimate.null is None else f"; the null is {known(estimate.null)}"
    return f"The {estimate.name} is {number(estimate.value)} {estimate.unit}".rstrip() + f"{interval(estimate)}{null}."


def _piles(values: list[float], low: float, high: float) -> tuple[list[float], list[float]]:
    step, x, y = (high - low) / COLUMNS, [], []
    piled: Counter[int] = Counter()
    rise = 1.2 / max(Counter(round((value - low) / step) for value in values).values())
    for value in sorted(values):
        place = round((value - low) / step)
        x.append(value)
        y.append(0.1 + piled[place] * min(rise, 0.12))
        piled[place] += 1
    return x, y


def _reach(estimate: Estimate) -> tuple[float, float]:
    shares = estimate.method == "wilson"
    points = [estimate.value, estimate.low, estimate.high, *estimate.per_unit, *((0.0, 1.0) if shares else ())]
    known = [point for point in points if math.isfinite(point)] + ([] if estimate.null is None else [estimate.null])
    low, high = min(known), max(known)
    room = 0.04 * (high - low) or max(abs(low), 1.0) * 0.1
    return low - room, high + room


def _say(ax, text: str, where: tuple[float, float]) -> None:
    ax.annotate(text, where, xycoords="axes fraction", ha="right", va="top", fontsize=SIZES["note"], color=SOFT)


DRAWINGS = {
    "Estimate": Drawing(paint, describe, lambda estimate: (8.6, 2.6 if len(set(estimate.per_unit)) > 2 else 1.9))
}
