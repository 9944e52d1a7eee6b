"""Two pictures a lesson fills itself: lines over a number, and bars beside names; at most four kinds in each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import FigureBase

from labkit.base.errors import BadInput, unknown

from .drawing import Drawing
from .style import (
    INK,
    MARKS,
    RULE,
    SIZES,
    SOFT,
    axes,
    bars,
    inches,
    label_axes,
    legend,
    looks,
    row_names,
    text_width,
    whiskers,
    wrapped,
)

__all__ = ["DRAWINGS", "Bars", "Lines"]

ROOM, GAP = 0.4, 0.1  # inches: for a number beside a bar, between two numbers on an axis
DASHES = ("-", "--", ":", "-.")  # lines without markers are told apart by these alone


@dataclass(frozen=True, kw_only=True)
class Lines:
    """Values over a common horizontal axis: name of the line -> one value per `x`.

    Up to four lines have a look and a legend of their own, that of a part where the name begins with one ("attention",
    "MLP"); more than that are drawn alike, as a bundle.
    `sentence` says what there is to see: the text alternative.
    """

    title: str
    x: Sequence[float]
    lines: Mapping[str, Sequence[float]]
    x_label: str
    y_label: str
    sentence: str
    dots: bool = False

    def __post_init__(self) -> None:
        _check(self.lines, len(self.x), "x")

    @property
    def widest(self) -> float:
        """Inches that the legend's longest name takes, 0 without a legend."""
        return max(map(text_width, self.lines)) if 1 < len(self.lines) <= len(MARKS) else 0.0


@dataclass(frozen=True, kw_only=True)
class Bars:
    """Values beside names, read from top to bottom: name of the kind -> one value per label.

    A kind whose name begins with a part's, "attention" or "MLP", has that part's look. `intervals` are (low, high) for
    every bar of a kind, drawn over it. `digits` are the decimals written beside a bar. `sentence` says what there is to
    see: the text alternative.
    """

    title: str
    labels: Sequence[str]
    groups: Mapping[str, Sequence[float]]
    x_label: str
    sentence: str
    digits: int = 2
    intervals: Mapping[str, Sequence[tuple[float, float]]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        _check(self.groups, len(self.labels), "label")
        if self.intervals:
            _check(self.intervals, len(self.labels), "label")
            if strange := [name for name in self.intervals if name not in self.groups]:
                raise unknown("kind of bars", strange[0], list(self.groups))
        if len(self.groups) > len(MARKS):
            raise BadInput(f"There are {len(self.groups)} kinds of bars.", expected=f"at most {len(MARKS)}")

    @property
    def widest(self) -> float:
        """Inches that the legend's longest name takes, 0 without a legend."""
        return max(map(text_width, self.groups)) if len(self.groups) > 1 else 0.0


def paint_lines(lines: Lines, figure: FigureBase) -> None:
    """Draw each line with its own colour, dash and marker, or a bundle of thin ones."""
    right = 0.2 + (lines.widest + 0.7 if lines.widest else 0.0)
    (ax,) = axes(figure, lines.title, left=0.95, right=right)
    bundle = len(lines.lines) > len(MARKS)
    found = dict.fromkeys(lines.lines, MARKS["intact"]) if bundle else looks(list(lines.lines))
    for order, (name, values) in enumerate(lines.lines.items()):
        look = found[name]
        dots: dict[str, Any] = {"marker": look.marker, "markersize": 6} if lines.dots else {}
        width, dash = (0.9, "-") if bundle else (2.0, DASHES[order])
        ax.plot(lines.x, values, dash, color=look.colour, linewidth=width, label=name, **dots)
    _number_the_axis(ax, lines.x, inches(figure)[0] - 0.95 - right)
    low, high = ax.get_ylim()
    if low < 0 < high:
        ax.axhline(0, color=RULE, linewidth=1)
    label_axes(ax, x=lines.x_label, y=wrapped(lines.y_label, inches(figure)[1] - 1.0, "label"))
    if lines.widest:
        legend(ax)


def paint_bars(strip: Bars, figure: FigureBase) -> None:
    """Draw one row per label, one bar per kind, with its number at its end."""
    left = 0.25 + max(map(text_width, strip.labels))
    right = 0.6 + (strip.widest + 0.6 if strip.widest else 0.0)
    (ax,) = axes(figure, strip.title, left=left, right=right)
    height, found = 0.8 / len(strip.groups), looks(list(strip.groups))
    for order, (name, values) in enumerate(strip.groups.items()):
        places = [row + (order - (len(strip.groups) - 1) / 2) * height for row in range(len(strip.labels))]
        bars(ax, places, values, found[name], 0.9 * height, across=True, label=name)
        ends = strip.intervals.get(name, [(value, value) for value in values])
        if name in strip.intervals:
            whiskers(ax, places, *zip(*ends), across=True)
        for place, value, (low, high) in zip(places, values, ends):
            shown = round(value, strip.digits) + 0.0  # no minus before a zero, and none on its side
            text, side = f"{shown:.{strip.digits}f}".replace("-", "−"), 1 if shown >= 0 else -1
            end = max(value, high) if side > 0 else min(value, low)
            ax.annotate(
                text, (end, place), xytext=(4 * side, 0), textcoords="offset points",
                ha="left" if side > 0 else "right", va="center", fontsize=SIZES["note"], color=INK,
            )  # fmt: skip
    ax.axvline(0, color=RULE, linewidth=1)
    row_names(ax, strip.labels)
    ax.set_ylim(len(strip.labels) - 0.4, -0.6)
    ax.margins(x=0.12)
    low, high = ax.get_xlim()
    if min(map(min, strip.groups.values())) < 0:  # room for a number to the left of its bar
        ax.set_xlim(low - ROOM * (high - low) / (inches(figure)[0] - left - right), high)
    label_axes(ax, x=strip.x_label)
    if strip.widest:
        ax.legend(
            loc="upper right", bbox_to_anchor=(1 + (right - 0.05) / (inches(figure)[0] - left - right), 1.0),
            frameon=False, fontsize=SIZES["label"], labelcolor=INK,
        )  # fmt: skip
    ax.xaxis.label.set_color(SOFT)


def _number_the_axis(ax: Axes, x: Sequence[float], width: float) -> None:
    """Put a number at each of a few whole places; where they crowd, on a logarithmic axis and as many as fit."""
    if len(x) > 16 or not all(float(place).is_integer() for place in x):
        return
    needed = GAP + max(text_width(f"{place:g}") for place in x)
    least = needed * (max(x) - min(x)) / width
    if min((b - a for a, b in pairwise(x)), default=least) < least and min(x) > 0:
        ax.set_xscale("log")
        ax.minorticks_off()
    along = ax.transAxes.inverted().transform(ax.transData.transform([(place, 0.5) for place in x]))[:, 0] * width
    shown = [len(x) - 1]  # the last one is always told
    for place in reversed(range(len(x) - 1)):
        if along[shown[0]] - along[place] >= needed:
            shown.insert(0, place)
    ax.set_xticks([x[place] for place in shown], [f"{x[place]:g}" for place in shown])


def _check(kinds: Mapping[str, Sequence], length: int, what: str) -> None:
    wrong = {name: len(values) for name, values in kinds.items() if len(values) != length}
    if not kinds or not length or wrong:
        raise BadInput(
            f"{wrong or kinds!r} cannot be drawn over {length} of {what}.", expected=f"one value per {what} in each"
        )


DRAWINGS = {
    "Lines": Drawing(paint_lines, lambda lines: lines.sentence),
    "Bars": Drawing(
        paint_bars,
        lambda strip: strip.sentence,
        lambda strip: (8.6, 1.1 + len(strip.labels) * max(0.3, 0.2 * len(strip.groups) + 0.08)),
    ),
}
