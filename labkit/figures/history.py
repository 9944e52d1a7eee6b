"""What a model could do while it learned: shares of right answers, and loss above the floor, by tokens read."""

from __future__ import annotations

from itertools import takewhile
from typing import TYPE_CHECKING, Any

from matplotlib.axes import Axes
from matplotlib.figure import FigureBase

from labkit.base.numbers import number

from .curves import legend_width
from .drawing import Drawing
from .style import MARKS, RULE, axes, inches, label_axes, legend
from .vitals import LABELS

if TYPE_CHECKING:
    from labkit.measurements import History

__all__ = ["DRAWINGS"]

SHARES = ("tracking", "places", "facts", "recall", "copying", "whole_stories")
RIGHT = 2.6  # inches for the second axes
_DASHES = ("-", "--", ":", "-.")
_MILLION = 1e6


def paint(history: History, figure: FigureBase) -> None:
    """Draw one line per sign with its intervals; tokens on a logarithmic axis."""
    width, _ = inches(figure)
    shares = [name for name in SHARES if name in history.signs]
    left, right = figure.subfigures(1, 2, width_ratios=(width - RIGHT, RIGHT))
    words = {name: LABELS[name][0] for name in shares}
    (ax,) = axes(left, f"What {history.model} could do while it learned", left=0.75, right=legend_width(words.values()))
    x, marks = [tokens / _MILLION for tokens in history.tokens], list(MARKS.values())
    for place, name in enumerate(shares):
        mark, values = marks[place % len(marks)], history.signs[name].values
        value, low, high = zip(*values)
        style: dict[str, Any] = {"color": mark.colour, "marker": mark.marker, "markersize": 5}
        ax.plot(x, value, _DASHES[place // len(marks)], linewidth=1.4, label=words[name], **style)
        ax.vlines(x, low, high, color=mark.colour, linewidth=0.8)
    chance = {history.signs[name].null for name in shares} - {0.0}
    for level in chance:
        ax.axhline(level, color=RULE, linewidth=1.0)
        ax.annotate("chance", (x[0], level), xytext=(0, 2), textcoords="offset points", fontsize=8, color=RULE)
    ax.set_ylim(-0.03, 1.03)
    _tokens(ax, x)
    label_axes(ax, x="million tokens read", y="share")
    legend(ax)
    if "above_floor" in history.signs:
        (ax,) = axes(right, "Loss above the floor", left=0.7, right=0.15)
        value, low, high = zip(*history.signs["above_floor"].values)
        ax.fill_between(x, low, high, color=MARKS["intact"].colour, alpha=0.18, linewidth=0)
        ax.plot(x, value, color=MARKS["intact"].colour, marker=MARKS["intact"].marker, markersize=5)
        ax.set_yscale("log")
        _tokens(ax, x)
        label_axes(ax, x="million tokens read", y="nats a token")


def _tokens(ax: Axes, x: list[float]) -> None:
    ax.set_xscale("log")
    ax.set_xlim(0.8 * x[0], 1.25 * x[-1])
    shown = [level for level in (0.1, 0.3, 1, 3, 10, 30) if 0.8 * x[0] <= level <= 1.25 * x[-1]]
    ax.set_xticks(shown, [f"{level:g}" for level in shown])
    ax.minorticks_off()


def describe(history: History) -> str:
    """Return where each sign began and ended, and from when on it stood clearly above chance."""
    said = []
    for name in (name for name in SHARES if name in history.signs):
        sign = history.signs[name]
        ends = zip(reversed(history.tokens), reversed(sign.values))
        above = [tokens for tokens, _ in takewhile(lambda end, null=sign.null: end[1][1] > null, ends)]
        when = f"above chance from {above[-1] / _MILLION:.2g} million tokens on" if above else "not above chance"
        first, last = (number(sign.values[place][0]) for place in (0, -1))
        said.append(f"{LABELS[name][0]} {first} to {last}, {when}")
    return f"{history.model} over {history.tokens[-1] / _MILLION:.3g} million tokens: {'; '.join(said)}."


DRAWINGS = {"History": Drawing(paint, describe, lambda history: (8.6, 3.4))}
