"""Interference beside its null."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import FigureBase

from labkit.figures.drawing import Drawing
from labkit.figures.style import BAND, MARKS, axes, label_axes, legend

from ..experiments import Interference

__all__ = ["DRAWINGS"]


def _paint_interference(found: Interference, figure: FigureBase) -> None:
    """Draw the counts of the null as a stack of rings, and ours as a square; the same for the largest gain."""
    left, right = axes(
        figure, f"Cells of {found.cells} that improve", "Largest gain in any cell", left=0.3, right=1.75, between=0.5
    )
    _stack(left, found.null_improving, found.improving, "cells in which accuracy rises")
    _stack(right, found.null_largest, found.largest, "rise of accuracy")
    legend(right)


def _stack(ax: Axes, null: Sequence[float], ours: float, label: str) -> None:
    heights: dict[float, int] = {}
    for value in null:
        key = round(value, 3)
        heights[key] = heights.get(key, 0) + 1
        ax.plot(value, heights[key], MARKS["intact"].marker, color=MARKS["intact"].colour, markerfacecolor="none",
                label="drawn sets" if sum(heights.values()) == 1 else None)  # fmt: skip
    low, high = np.quantile(null, [0.025, 0.975])
    ax.axvspan(low, high, color=BAND, zorder=0)
    ax.plot([ours], [max(heights.values()) + 1.5], MARKS["cut"].marker, color=MARKS["cut"].colour, label="own neurons")
    ax.axvline(ours, color=MARKS["cut"].colour, linewidth=1, linestyle="--")
    ax.set_ylim(0, max(heights.values()) + 2.5)
    ax.set_yticks([])
    label_axes(ax, x=label)


def _describe_interference(found: Interference) -> str:
    low, high = found.band
    return (
        f"With the relations' own neurons off, accuracy rises in {found.improving} of {found.cells} cells; with drawn "
        f"sets in {low:.0f} to {high:.0f} (the grey band, 95 % of them; p = {found.p_improving:.2f}). "
        f"The largest gain is {found.largest:.3f} ({found.where[1]}, {found.where[0]} off); in drawn sets up to "
        f"{max(found.null_largest):.3f} (p = {found.p_largest:.2f})."
    )


DRAWINGS = {
    "Interference": Drawing(_paint_interference, _describe_interference, lambda found: (8.6, 3.0)),
}
