"""A sweep over the parts of a model: what each layer's attention and MLP cost to lose."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from matplotlib.figure import FigureBase
from matplotlib.ticker import FuncFormatter, NullFormatter

from labkit.base.numbers import number, signed

from .drawing import Drawing
from .intervals import interval
from .style import (
    FAINT,
    INK,
    MARKS,
    RULE,
    SIZES,
    SOFT,
    Mark,
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

if TYPE_CHECKING:
    from labkit.sweeps import Sweep
    from labkit.sweeps.result import Point

__all__ = ["DRAWINGS"]

# Kinds of edit that have a place on the axis of layers, how each is drawn, and its name in the legend.
PLACED = {"drop_attention": ("attention", "attention"), "drop_mlp": ("mlp", "MLP"), "drop_block": ("cut", "block")}
MOST_LISTED = 16  # plans of any other kind
WIDE = 50  # times the smallest change: from here on bars would show the largest alone


def paint(sweep: Sweep, figure: FigureBase) -> None:
    """Draw the change per layer and kind of part, or per plan when the plans are of other kinds."""
    if not len(sweep):
        axes(figure, f"Nothing of {sweep.model} has been measured yet")[0].set_axis_off()
        return
    grid = by_layer(sweep)
    if grid is None:
        _paint_list(sweep, figure)
    else:
        _paint_layers(sweep, grid, figure)


def describe(sweep: Sweep) -> str:
    """Return the costliest and the cheapest part, with their intervals."""
    if not len(sweep):
        return f"A sweep of {sweep.model} in which nothing has been measured yet."
    worst, *rest = sweep.ranked()
    said = (
        f"Change of {sweep.measure} in {sweep.unit} for {len(sweep)} cuts of {sweep.model}, one at a time. "
        f"The largest: {worst.label}, {signed(worst.change.value)}{interval(worst.change)}."
    )
    if rest:
        said += f" The smallest: {rest[-1].label}, {signed(rest[-1].change.value)}{interval(rest[-1].change)}."
    if (grid := by_layer(sweep)) is not None and _is_wide(grid):
        said += " On a logarithmic axis: each line is ten times the one before."
    return said + (f" {len(sweep.missing)} cuts are not measured." if sweep.missing else "")


def by_layer(sweep: Sweep) -> dict[str, dict[int, Point]] | None:
    """Return the points by kind of edit and layer when every plan drops one part of one layer, else None."""
    grid: dict[str, dict[int, Point]] = {}
    for point in sweep.points:
        kind = point.plan[0].get("kind") if len(point.plan) == 1 else None
        if kind not in PLACED:
            return None
        grid.setdefault(kind, {})[int(point.plan[0]["layer"])] = point
    return grid or None


def _paint_layers(sweep: Sweep, grid: dict[str, dict[int, Point]], figure: FigureBase) -> None:
    (ax,) = axes(figure, f"What each part of {sweep.model} costs to lose", left=0.95, right=1.4)
    layers = sorted({layer for points in grid.values() for layer in points})
    width, wide = 0.8 / len(grid), _is_wide(grid)
    ax.set_xlim(layers[0] - 0.6, layers[-1] + 0.6)
    if wide:
        _logarithmic(ax, [change for points in grid.values() for change in _changes(points)])
    else:
        ax.axhline(0, color=RULE, linewidth=1)
    for number_of, (kind, points) in enumerate(grid.items()):
        mark, spoken = PLACED[kind]
        shift = (number_of - (len(grid) - 1) / 2) * width
        places, changes = [layer + shift for layer in points], _changes(points)
        (_dots if wide else _bars)(ax, places, changes, MARKS[mark], 0.9 * width, spoken)
        _number(ax, places, changes, width)
    ax.set_xticks(layers if len(layers) <= 16 else layers[::2])
    scale = f"{sweep.unit}, log scale" if wide else sweep.unit
    label_axes(ax, x="layer that loses it, one part at a time", y=f"change of {sweep.measure}\n({scale})")
    ax.margins(y=0.12)
    legend(ax)


def _bars(ax, places: list[float], changes: list, mark: Mark, width: float, spoken: str) -> None:
    bars(ax, places, [change.value for change in changes], mark, width, label=spoken)
    whiskers(ax, places, [change.low for change in changes], [change.high for change in changes])


def _dots(ax, places: list[float], changes: list, mark: Mark, width: float, spoken: str) -> None:
    """Draw dots with intervals: on an axis without a zero a bar's length says nothing."""
    ax.vlines(places, [change.low for change in changes], [change.high for change in changes], color=INK, linewidth=1.5)
    size = 8 if len(places) <= 16 else 5
    values = [change.value for change in changes]
    ax.plot(places, values, mark.marker, color=mark.colour, markersize=size, label=spoken, zorder=3)


def _changes(points: dict[int, Point]) -> list:
    return [point.change for point in points.values()]


def _is_wide(grid: dict[str, dict[int, Point]]) -> bool:
    """Say whether some change is so much larger than another that bars from zero would hide the small ones."""
    sizes = [abs(change.value) for points in grid.values() for change in _changes(points)]
    finite = [size for size in sizes if size > 0 and math.isfinite(size)]
    return len(finite) > 1 and max(finite) > WIDE * min(finite)


def _logarithmic(ax, changes: list) -> None:
    """Make the vertical axis logarithmic; where an interval reaches zero or below, linear around zero."""
    ends = [end for change in changes for end in (change.low, change.value, change.high) if math.isfinite(end)]
    if min(ends) > 0:
        ax.set_yscale("log")
    else:
        doubtful = [abs(end) for c in changes if c.low <= 0 or c.value <= 0 for end in (c.low, c.value, c.high)]
        near = [end for end in doubtful if end and math.isfinite(end)] or [abs(end) for end in ends if end]
        ax.set_yscale("symlog", linthresh=10.0 ** math.ceil(math.log10(min(max(near), max(map(abs, ends))))))
        ax.axhline(0, color=RULE, linewidth=1)
    ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    ax.yaxis.set_minor_formatter(NullFormatter())
    ax.grid(axis="y", color=FAINT, linewidth=0.8)


def _number(ax, places: list[float], changes: list, width: float) -> None:
    """Write the values over (or under) their marks where each has room for its own, `width` layers wide."""
    texts = [number(change.value, 2) for change in changes]
    left, right = ax.get_xlim()
    room = width * ax.get_position().width * inches(ax.figure)[0] / (right - left)
    if max(map(text_width, texts, ["note"] * len(texts))) > room:
        return
    for place, change, text in zip(places, changes, texts):
        up = change.value >= 0
        tops = [end for end in (change.value, change.high if up else change.low) if not math.isnan(end)]
        ax.annotate(
            text, (place, max(tops) if up else min(tops)), xytext=(0, 5 if up else -5),
            textcoords="offset points", ha="center", va="bottom" if up else "top", fontsize=SIZES["note"], color=INK,
        )  # fmt: skip


def _paint_list(sweep: Sweep, figure: FigureBase) -> None:
    points = _listed(sweep)
    labels = _labels(points, inches(figure)[0])
    left = 0.25 + max(map(text_width, labels), default=0.0)
    (ax,) = axes(figure, f"What each cut of {sweep.model} changes", left=left, right=0.3)
    changes = [point.change for point in points]
    bars(ax, range(len(points)), [change.value for change in changes], MARKS["cut"], 0.6, across=True)
    whiskers(ax, range(len(points)), [c.low for c in changes], [c.high for c in changes], across=True)
    ax.axvline(0, color=RULE, linewidth=1)
    row_names(ax, labels)
    ax.set_ylim(len(points) - 0.5, -0.5)
    label_axes(ax, x=f"change of {sweep.measure} ({sweep.unit})")
    if len(points) < len(sweep):
        ax.annotate(
            f"the {len(points)} largest of {len(sweep)}", (1, 0), xycoords="axes fraction", ha="right", va="bottom",
            fontsize=SIZES["note"], color=SOFT,
        )  # fmt: skip


def _listed(sweep: Sweep) -> tuple[Point, ...]:
    return sweep.ranked()[:MOST_LISTED] if len(sweep) > MOST_LISTED else sweep.points


def _labels(points: tuple[Point, ...], width: float) -> list[str]:
    """Return the plans' names, broken into lines but never within an address."""
    return [wrapped(point.label.replace(", ", ",\u00a0"), 0.42 * width) for point in points]


def _size(sweep: Sweep) -> tuple[float, float]:
    if by_layer(sweep) is not None:
        return 8.6, 3.4
    lines = max((label.count("\n") + 1 for label in _labels(_listed(sweep), 8.6)), default=1)
    return 8.6, 1.3 + (0.09 + 0.19 * lines) * min(len(sweep), MOST_LISTED)


DRAWINGS = {"Sweep": Drawing(paint, describe, _size)}
