"""Intact beside cut: a pair of bars with intervals for everything that was asked of both, on axes that do not move."""

from __future__ import annotations

import math
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import FigureBase

from labkit.base.errors import BadInput
from labkit.base.numbers import known, number
from labkit.measurements import Estimate

from .drawing import Drawing
from .intervals import interval
from .style import (
    INK,
    MARKS,
    PAPER,
    SIZES,
    SOFT,
    axes,
    bars,
    inches,
    label_axes,
    legend,
    row_names,
    text_width,
    whiskers,
    wrapped,
)

__all__ = ["DRAWINGS", "Comparison"]


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """What was measured on the intact and on the cut model, one estimate each per label.

    title: the question or the finding. unit: on the axis, such as "loss, nats per token". limits: the ends of the
    axis; give them where a control redraws the picture, so that only the bars move.
    """

    title: str
    unit: str
    labels: tuple[str, ...]
    intact: tuple[Estimate, ...]
    cut: tuple[Estimate, ...]
    limits: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        if not self.labels or not len(self.labels) == len(self.intact) == len(self.cut):
            raise BadInput(
                f"{len(self.labels)} labels, {len(self.intact)} intact and {len(self.cut)} cut estimates.",
                expected="as many of each, at least one",
            )
        if self.limits is not None and not self.limits[0] < self.limits[1]:
            raise BadInput(f"The axis goes from {self.limits[0]} to {self.limits[1]}.", expected="low before high")


def paint(comparison: Comparison, figure: FigureBase) -> None:
    """Draw two horizontal bars per label, intact above cut, each with its interval and its number."""
    low, high = comparison.limits or _limits(comparison)
    width, _ = inches(figure)
    labels = [wrapped(label, width / 3) for label in comparison.labels]
    (ax,) = axes(figure, comparison.title, left=0.25 + max(map(text_width, labels)), right=1.1)
    for shift, (name, estimates) in zip((-0.2, 0.2), _sides(comparison)):
        places = [place + shift for place in range(len(estimates))]
        values = [estimate.value for estimate in estimates]
        bars(ax, places, [v - low for v in values], MARKS[name], 0.36, across=True, left=low, label=name)
        whiskers(ax, places, [e.low for e in estimates], [e.high for e in estimates], across=True)
        for place, estimate in zip(places, estimates):
            _write(ax, place, estimate, high)
    row_names(ax, labels)
    ax.set_ylim(len(labels) - 0.5, -0.62)
    ax.set_xlim(low, high)
    label_axes(ax, x=comparison.unit)
    _null_lines(ax, comparison)
    legend(ax)


def describe(comparison: Comparison) -> str:
    """Return every pair of numbers with the interval of the cut."""
    pairs = (
        f"{label}: {number(intact.value)} intact, {number(cut.value)} cut{interval(cut)}"
        for label, intact, cut in zip(comparison.labels, comparison.intact, comparison.cut)
    )
    return f"Bars of the intact and the cut model, {comparison.unit}. " + "; ".join(pairs) + "."


def _sides(comparison: Comparison) -> tuple[tuple[str, tuple[Estimate, ...]], ...]:
    return ("intact", comparison.intact), ("cut", comparison.cut)


def _limits(comparison: Comparison) -> tuple[float, float]:
    ends = [end for e in (*comparison.intact, *comparison.cut) for end in (e.value, e.low, e.high) if end == end]
    low, high = min(0.0, *ends), max(0.0, *ends)
    room = 0.12 * (high - low or 1.0)  # for the numbers at the ends of the bars
    return low - (room if low < 0 else 0.0), high + room


def _write(ax: Axes, place: float, estimate: Estimate, high: float) -> None:
    """Write a bar's number at its end; where the bar leaves the axis, inside it with an arrow."""
    end = max(value for value in (estimate.value, estimate.high) if not math.isnan(value))
    inside = end > high
    ax.annotate(
        number(estimate.value) + (" →" if inside else ""),
        (high if inside else end, place),
        xytext=(-4 if inside else 6, 0),
        textcoords="offset points",
        va="center",
        ha="right" if inside else "left",
        fontsize=SIZES["tick"],
        color=INK,
        backgroundcolor=PAPER if inside else "none",
        zorder=6,
    )


def _null_lines(ax: Axes, comparison: Comparison) -> None:
    """Mark what chance would give, where an estimate says so."""
    for place, estimate in enumerate(comparison.intact):
        if estimate.null is not None:
            ax.vlines(estimate.null, place - 0.45, place + 0.45, color=INK, linewidth=1.4, linestyle=":", zorder=5)
            ax.annotate(
                f"chance {known(estimate.null)}",
                (estimate.null, place - 0.43),
                xytext=(4, 0),
                textcoords="offset points",
                va="bottom",
                fontsize=SIZES["note"],
                color=SOFT,
            )


DRAWINGS = {"Comparison": Drawing(paint, describe, lambda c: (8.6, 1.3 + 0.9 * len(c.labels)))}
