"""Vital signs on one axis: to the right is well, whatever a sign is counted in; its own number stands beside it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from matplotlib.axes import Axes
from matplotlib.figure import FigureBase
from matplotlib.lines import Line2D

from labkit.base.numbers import known, number

from .drawing import Drawing
from .intervals import interval
from .style import BAND, INK, MARKS, SIZES, axes, inches, label_axes, row_names, text_width, whiskers

if TYPE_CHECKING:
    from labkit.measurements import Estimate, Vitals, VitalsPair

__all__ = ["DRAWINGS"]

# Sign: how its row is called, and the unit after its number.
LABELS = {
    "tracking": ("tracks the lantern", ""),
    "places": ("knows where people are", ""),
    "recall": ("recalls a list", ""),
    "copying": ("copies a list", ""),
    "facts": ("knows facts", ""),
    "above_floor": ("reads stories", "nats above the floor"),
    "whole_stories": ("tells whole stories", ""),
    "contradictions": ("stays consistent", "slips in 10 sentences"),
}
# What is counted downwards is turned round: e^-nats is how probable the model finds a token, as a share of what the
# best reader would; ten slips in ten sentences leave nothing.
_WELL = {"above_floor": lambda nats: math.exp(-nats), "contradictions": lambda slips: 1 - slips / 10}


def paint_one(vitals: Vitals, figure: FigureBase) -> None:
    """Draw one row per sign: a dot, its interval, chance, its number."""
    _paint(figure, f"Vital signs of {vitals.model}, {vitals.params:,} parameters", {"intact": vitals})


def paint_pair(pair: VitalsPair, figure: FigureBase) -> None:
    """Draw two dots per sign, intact above cut."""
    _paint(figure, f"Vital signs of {pair.intact.model}, intact and cut", {"intact": pair.intact, "cut": pair.cut})


def describe_one(vitals: Vitals) -> str:
    """Return every sign with its interval, and chance."""
    said = "; ".join(_said(name, sign) for name, sign in vitals.signs.items())
    return f"Vital signs of {vitals.model}, which has {vitals.params:,} parameters: {said}."


def describe_pair(pair: VitalsPair) -> str:
    """Return every sign, intact and cut."""
    cut = pair.cut.signs
    said = "; ".join(
        f"{_said(name, sign)}, cut {number(cut[name].value)}{interval(cut[name])}"
        for name, sign in pair.intact.signs.items()
    )
    return f"Vital signs of {pair.intact.model}, intact and cut: {said}."


def _said(name: str, sign: Estimate) -> str:
    chance = f", chance {known(sign.null)}" if sign.null else ""
    unit = "" if sign.unit == "share" else sign.unit
    return f"{sign.name} {number(sign.value)} {unit}".rstrip() + interval(sign) + chance


def _paint(figure: FigureBase, title: str, sides: dict[str, Vitals]) -> None:
    names = list(sides["intact"].signs)
    labels = [LABELS[name][0] for name in names]
    numbers = [_numbers(name, [side.signs[name] for side in sides.values()]) for name in names]
    margins = {"left": 0.3 + max(map(text_width, labels)), "right": 0.25 + max(map(text_width, numbers))}
    (ax,) = axes(figure, title, bottom=0.85, **margins)
    for order, (kind, side) in enumerate(sides.items()):
        shift = 0.36 * (order - (len(sides) - 1) / 2)
        _dots(ax, kind, [place + shift for place in range(len(names))], list(side.signs.items()))
    for place, name in enumerate(names):
        if null := sides["intact"].signs[name].null:
            ax.vlines(null, place - 0.42, place + 0.42, color=INK, linewidth=1.4, linestyle=":")
        ax.annotate(numbers[place], (1.02, place), xytext=(6, 0), textcoords="offset points", va="center",
                    fontsize=SIZES["tick"], color=INK, annotation_clip=False)  # fmt: skip
    row_names(ax, labels)
    ax.set_ylim(len(names) - 0.5, -0.5)
    ax.set_xlim(-0.02, 1.02)
    ax.set_xticks([0, 0.25, 0.5, 0.75, 1])
    ax.grid(axis="x", color=BAND, linewidth=0.8)
    label_axes(ax, x="0: nothing left      1: as well as can be")
    _key(ax, list(sides))


def _dots(ax: Axes, kind: str, places: list[float], signs: list[tuple[str, Estimate]]) -> None:
    mark = MARKS[kind]
    ends = [sorted((_well(name, sign.low), _well(name, sign.high))) for name, sign in signs]
    whiskers(ax, places, [low for low, _ in ends], [high for _, high in ends], across=True)
    values = [_well(name, sign.value) for name, sign in signs]
    ax.plot(values, places, mark.marker, color=mark.colour, markersize=8, markeredgecolor="white", zorder=5)


def _key(ax: Axes, kinds: list[str]) -> None:
    """Put the key in one line under the name of the axis."""
    handles = [
        Line2D([], [], color=MARKS[kind].colour, marker=MARKS[kind].marker, linestyle="", markersize=8, label=kind)
        for kind in (kinds if len(kinds) > 1 else ())
    ]
    handles += [
        Line2D([], [], color=INK, linewidth=1.8, label="95 % interval"),
        Line2D([], [], color=INK, linewidth=1.4, linestyle=":", label="chance"),
    ]
    below = -0.48 / (ax.get_position().height * inches(ax.get_figure())[1])
    ax.legend(handles=handles, loc="upper left", bbox_to_anchor=(0, below), ncols=len(handles), frameon=False,
              fontsize=SIZES["note"], labelcolor=INK, borderaxespad=0, handlelength=1.4)  # fmt: skip


def _well(name: str, value: float) -> float:
    return max(0.0, _WELL.get(name, float)(value))


def _numbers(name: str, signs: list[Estimate]) -> str:
    return f"{' → '.join(number(sign.value) for sign in signs)} {LABELS[name][1]}".rstrip()


def _height(n_signs: float) -> tuple[float, float]:
    return 8.6, 1.35 + 0.36 * n_signs


DRAWINGS = {
    "Vitals": Drawing(paint_one, describe_one, lambda vitals: _height(len(vitals.signs))),
    "VitalsPair": Drawing(paint_pair, describe_pair, lambda pair: _height(1.35 * len(pair.intact.signs))),
}
