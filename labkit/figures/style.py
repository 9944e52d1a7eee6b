"""How every figure looks: one palette, one type scale, white behind everything so that dark pages change nothing.

Contrast with white is at least 4.5 for text and 3 for marks (WCAG 2.1, measured in the tests), the four marks stay
apart for readers who miss a cone type, and each has a hatch and a marker of its own: nothing is told by colour alone.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure, FigureBase
from matplotlib.font_manager import FontProperties, findfont, get_font

__all__ = [
    "MARKS",
    "Mark",
    "axes",
    "bars",
    "column_names",
    "contrast",
    "inches",
    "label_axes",
    "legend",
    "looks",
    "new_figure",
    "row_names",
    "text_width",
    "whiskers",
    "wrapped",
]

PAPER = "#ffffff"  # after every figure
INK, SOFT = "#1a1a1a", "#595959"  # text; soft for what is read second
RULE, FAINT = "#767676", "#d0d0d0"  # axes and null lines; lines that only guide the eye
BAND = "#e4e7eb"  # after marks: margins, highlighted places
SIZES = {"title": 13.0, "label": 11.0, "tick": 10.5, "note": 9.5}  # points


@dataclass(frozen=True)
class Mark:
    """One way to draw one kind of thing: colour, hatch for areas, marker and line style for points and lines."""

    colour: str
    hatch: str
    marker: str
    line: str


MARKS = {
    "intact": Mark("#0b5fa5", "", "o", "-"),
    "cut": Mark("#cc4c02", "///", "s", "--"),
    "attention": Mark("#4b1d6b", "", "^", "-"),
    "mlp": Mark("#1b9e77", "...", "D", "--"),
}


def looks(names: Sequence[str], kinds: Mapping[str, str] | None = None, more: Sequence[Mark] = ()) -> dict[str, Mark]:
    """Return the look of each name: that of the kind it begins with, else one that is free, then those in `more`.

    kinds: how a name may begin -> a key of `MARKS`; by default the keys themselves, "attention" or "MLP".
    """
    kinds = {key: key for key in MARKS} if kinds is None else kinds
    found: dict[str, Mark] = {}
    for name in names:
        kind = next((kind for kind in kinds if name.lower().startswith(kind)), None)
        if kind is not None and MARKS[kinds[kind]] not in found.values():
            found[name] = MARKS[kinds[kind]]
    spare = iter([*(mark for mark in MARKS.values() if mark not in found.values()), *more])
    return {name: found.get(name) or next(spare, more[-1] if more else MARKS["intact"]) for name in names}


def contrast(first: str, second: str = PAPER) -> float:
    """Return the WCAG contrast ratio of two colours given as "#rrggbb", from 1 to 21."""
    lighter, darker = sorted((_luminance(first), _luminance(second)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(colour: str) -> float:
    channels = (int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5))
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def new_figure(size: tuple[float, float] = (8.6, 3.2)) -> Figure:
    """Return an empty white figure of `size` inches, drawn without pyplot."""
    figure = Figure(figsize=size, facecolor=PAPER)
    FigureCanvasAgg(figure)
    return figure


def axes(
    figure: FigureBase,
    *titles: str,
    left: float = 0.15,
    right: float = 0.15,
    bottom: float = 0.6,
    between: float = 0.9,
) -> list[Axes]:
    """Return dressed axes side by side on an empty Figure or SubFigure, one under each title.

    The margins are inches. They are given, not found out by laying text out twice: a panel's answer has 0.35 seconds.
    """
    figure.set_facecolor(PAPER)
    width, height = inches(figure)
    column = (width - left - right - between * (len(titles) - 1)) / len(titles)
    lines = [wrapped(title, column if len(titles) > 1 else width - 0.3, "title", bold=True) for title in titles]
    top = 0.22 + 0.21 * max(text.count("\n") + 1 for text in lines)
    made = []
    for number, title in enumerate(lines):
        start = left + number * (column + between)
        box = (start / width, bottom / height, column / width, (height - bottom - top) / height)
        made.append(_dressed(figure.add_axes(box)))
        x = 0.15 if number == 0 else start
        figure.text(x / width, 1 - 0.08 / height, title, va="top", fontsize=SIZES["title"], color=INK, weight="bold")
    return made


def label_axes(ax: Axes, x: str = "", y: str = "") -> None:
    """Name the axes, at a fixed distance from them."""
    width, height = (side / _root(ax.get_figure()).dpi for side in (ax.bbox.width, ax.bbox.height))
    if x:
        ax.set_xlabel(x, fontsize=SIZES["label"], color=INK, va="top")
        ax.xaxis.set_visible(True)
        ax.xaxis.set_label_coords(0.5, -0.28 / height)
    if y:
        ax.set_ylabel(y, fontsize=SIZES["label"], color=INK, va="bottom")
        ax.yaxis.set_visible(True)
        ax.yaxis.set_label_coords(-0.52 / width, 0.5)


def row_names(ax: Axes, names: Sequence[str], bold: Sequence[str] = ()) -> None:
    """Write a name beside each row 0, 1, ... of the y axis, the names in `bold` in bold.

    A text takes a third of the time of a tick, which brings lines along that nobody sees.
    """
    _without_ticks(ax.yaxis)
    for row, name in enumerate(names):
        _name(ax, name, (0, row), ("axes fraction", "data"), (-3.5, 0), "right", "center_baseline", name in bold)


def column_names(ax: Axes, names: Sequence[str], places: Sequence[float] | None = None) -> None:
    """Write names below the x axis, at 0, 1, ... or at `places`."""
    _without_ticks(ax.xaxis)
    for place, name in zip(range(len(names)) if places is None else places, names):
        _name(ax, name, (place, 0), ("data", "axes fraction"), (0, -3.5), "center", "top")


def _without_ticks(axis: Axis) -> None:
    """Leave an axis its label alone; an axis that is drawn makes ticks even where it shall have none."""
    axis.set_ticks([])
    axis.set_visible(bool(axis.get_label_text()))


def _name(
    ax: Axes, name: str, place: tuple, coordinates: tuple, shift: tuple, ha: str, va: str, bold: bool = False
) -> None:
    ax.annotate(
        name, place, xycoords=coordinates, xytext=shift, textcoords="offset points", ha=ha, va=va,
        fontsize=SIZES["tick"], color=INK, weight="bold" if bold else "normal", annotation_clip=False,
    )  # fmt: skip


def legend(ax: Axes) -> None:
    """Put the legend to the right of the axes, where no data can be."""
    ax.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), frameon=False, fontsize=SIZES["label"], labelcolor=INK)


def inches(figure: Any) -> tuple[float, float]:
    """Return width and height of a Figure or SubFigure."""
    dpi = _root(figure).dpi
    return figure.bbox.width / dpi, figure.bbox.height / dpi


def text_width(text: str, size: str = "tick", bold: bool = False) -> float:
    """Return how many inches the widest line of `text` takes."""
    font = get_font(_font_file(bold))  # matplotlib keeps one per thread
    font.set_size(SIZES[size], 72)
    widths = []
    for line in text.split("\n"):
        font.set_text(line)
        widths.append(font.get_width_height()[0] / 64 / 72)
    return max(widths)


def wrapped(text: str, width: float, size: str = "tick", bold: bool = False) -> str:
    """Return `text` broken at its spaces into lines of at most `width` inches."""
    lines: list[str] = []
    for word in text.split(" "):
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and text_width(longer, size, bold) <= width:
            lines[-1] = longer
        else:
            lines.append(word)
    return "\n".join(lines)


@lru_cache
def _font_file(bold: bool) -> str:
    return findfont(FontProperties(family="DejaVu Sans", weight="bold" if bold else "normal"))


def bars(ax: Axes, places: Sequence[float], heights: Sequence[float], mark: Mark, width: float, **options) -> None:
    """Draw bars in a mark's colour and hatch; heights of NaN leave a gap."""
    drawn = [0.0 if math.isnan(height) else height for height in heights]
    draw = ax.barh if options.pop("across", False) else ax.bar
    draw(places, drawn, width, color=mark.colour, hatch=mark.hatch, edgecolor=PAPER, linewidth=0.0, **options)


def whiskers(
    ax: Axes, places: Sequence[float], lows: Sequence[float], highs: Sequence[float], *, across: bool = False
) -> None:
    """Draw intervals as dark lines on a white edge, visible on every bar and off it; thinner where there are many."""
    draw, width = (ax.hlines if across else ax.vlines), 1.8 if len(places) <= 16 else 1.0
    draw(places, lows, highs, color=PAPER, linewidth=2.5 * width, zorder=3)
    draw(places, lows, highs, color=INK, linewidth=width, zorder=4)


def _dressed(ax: Axes) -> Axes:
    ax.set_facecolor(PAPER)
    ax.set_axisbelow(True)
    ax.tick_params(labelsize=SIZES["tick"], labelcolor=INK, color=RULE, length=3)
    for side, spine in ax.spines.items():
        spine.set_visible(side in ("left", "bottom"))
        spine.set_color(RULE)
    return ax


def _root(figure: Any) -> Figure:
    try:
        return figure.get_figure(root=True)
    except TypeError:  # matplotlib before 3.10
        return figure.figure
