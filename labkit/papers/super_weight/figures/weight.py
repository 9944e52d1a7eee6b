"""The picture of the weight panel: what is read off the model, and its change beside other weights' of its tensor."""

from __future__ import annotations

import math

from matplotlib.figure import FigureBase

from labkit.figures.drawing import Drawing
from labkit.figures.style import (
    INK,
    MARKS,
    RULE,
    SIZES,
    SOFT,
    axes,
    bars,
    inches,
    label_axes,
    row_names,
    text_width,
    wrapped,
)
from labkit.panels.reader import never_seen

from ..experiments.weight import KINDS, WeightData, small

__all__ = ["DRAWINGS"]

_NOTHING = 1e-3  # nats a token, or 1 - cosine
SIDE = 3.7  # inches for the changes
AXIS_MIN, AXIS_MAX = 1e-7, 30.0  # ends of the axis of changes


def paint(data: WeightData, figure: FigureBase) -> None:
    """Draw readings left, changes right, on axes that do not move."""
    width, _ = inches(figure)
    left, right = figure.subfigures(1, 2, width_ratios=(width - SIDE, SIDE))
    _readings(left, data)
    _changes(right, data)


def _readings(figure: FigureBase, data: WeightData) -> None:
    labels = [wrapped(label, 1.7) for label in data.labels]
    (ax,) = axes(
        figure, f"{data.address} × {data.factor:g} (hatched)", left=0.3 + max(map(text_width, labels)), right=0.45
    )
    for offset, name, values in ((-0.19, "intact", data.intact), (0.19, "cut", data.cut)):
        places = [place + offset for place in range(len(labels))]
        bars(ax, places, values, MARKS[name], 0.34, across=True)
        for place, value in zip(places, values):
            ax.annotate(
                f"{value:.2f}", (value, place), xytext=(4, 0), textcoords="offset points",
                va="center", fontsize=SIZES["note"], color=INK,
            )  # fmt: skip
    row_names(ax, labels)
    ax.set_ylim(len(labels) - 0.4, -0.6)
    ax.set_xlim(0, 1.05)
    ax.set_xticks([0, 0.5, 1])
    label_axes(ax, x=data.reads)


def _changes(figure: FigureBase, data: WeightData) -> None:
    (ax,) = axes(figure, "How far the model moves", left=1.35, right=0.35)
    marks = {"largest": MARKS["attention"], "comparable": MARKS["mlp"], "random": MARKS["intact"]}
    rows = [("this one", MARKS["cut"], [data.change])]
    for kind, mark in marks.items():
        rows.append((KINDS[kind], mark, [null.change for null in data.nulls if null.kind == kind]))
    for row, (_, mark, changes) in enumerate(rows):
        places = [_place(change) for change in changes]
        ax.plot(places, [row] * len(places), mark.marker, color=mark.colour, markersize=8, markeredgecolor="white")
    ax.axvline(_place(data.most.change), color=RULE, linewidth=1, linestyle=":")
    ax.annotate(
        "furthest other", (_place(data.most.change), -0.45), xytext=(-4, 0), textcoords="offset points",
        ha="right", va="center", fontsize=SIZES["note"], color=SOFT,
    )  # fmt: skip
    where = _place(data.change)
    right = where > _place(1e-2)  # then the number stands left of its mark
    ax.annotate(
        small(data.change), (where, 0), xytext=(-9 if right else 9, 0), textcoords="offset points",
        ha="right" if right else "left", va="center", fontsize=SIZES["tick"], color=INK, weight="bold",
    )  # fmt: skip
    ax.set_xlim(_place(AXIS_MIN) - 0.3, _place(AXIS_MAX) + 0.3)
    ax.set_xticks([-6, -4, -2, 0], ["10⁻⁶", "10⁻⁴", "0.01", "1"])
    row_names(ax, [name for name, *_ in rows])
    ax.set_ylim(len(rows) - 0.4, -0.6)
    label_axes(ax, x=data.unit)


def _place(change: float) -> float:
    """Return where a change stands on the axis: its logarithm, which matplotlib's own log axis draws more slowly."""
    return math.log10(min(max(change, AXIS_MIN), AXIS_MAX))


def describe(data: WeightData) -> str:
    """Return what the picture shows, in words."""
    most = data.most
    if data.factor == 1:
        says = f"Nothing is changed: {data.address} is as trained, {data.value:.4g}."
    else:
        says = (
            f"{data.address} times {data.factor:g} (it is {data.value:.4g}) moves the model by {small(data.change)} "
            f"({data.unit}, on this text alone). Of {len(data.nulls)} others of the same {_home(data.address)} none "
            f"moves it by more than {small(most.change)}."
        )
        if data.change < _NOTHING:
            says += " That is next to nothing."
        elif data.change > 10 * most.change:
            says += " No other weight here comes near it."
        elif data.change <= most.change:
            says += " So it is nothing special."
    best, now = (max(range(len(side)), key=side.__getitem__) for side in (data.intact, data.cut))
    was, then = f"“{data.labels[best]}” ({data.intact[best]:.2f})", f"“{data.labels[now]}” ({data.cut[now]:.2f})"
    reading = f"By {data.reads}, first of {len(data.labels)} was {was}; now it is {then}."
    return " ".join(part for part in (says, reading, never_seen(data.unseen)) if part)


def _home(address: str) -> str:
    name = address.split("[")[0]
    return "norm" if "norm" in name else "bias" if name.endswith(".bias") else "matrix"


DRAWINGS = {"WeightData": Drawing(paint, describe, lambda data: (8.6, 3.9))}
