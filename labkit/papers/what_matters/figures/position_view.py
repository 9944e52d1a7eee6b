"""The picture of the score panel: a stem per token, the first one dotted, and the means with it and without it."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import FigureBase

from labkit.base.numbers import number
from labkit.figures.drawing import Drawing
from labkit.figures.sheet import drawable
from labkit.figures.style import INK, MARKS, PAPER, SIZES, SOFT, axes, inches, label_axes
from labkit.panels.reader import never_seen

from ..experiments.position_view import NAMES, ScoreData

__all__ = ["DRAWINGS", "describe"]

AXIS_MIN, AXIS_MAX = 1e-4, 2.0  # ends of the axis of scores with the residual; without it they are around 1
FOOT = 0.8  # inches for the pieces under the lower bars


def paint(data: ScoreData, figure: FigureBase) -> None:
    """Draw the score with the residual above that without, on axes that do not move."""
    _, height = inches(figure)
    upper, lower = figure.subfigures(2, 1, height_ratios=(height / 2 - FOOT / 2, height / 2 + FOOT / 2))
    look = MARKS[{"attention": "attention", "mlp": "mlp", "block": "cut"}[data.part]]
    (top,) = axes(upper, "With the residual: how far the stream is turned", left=1.0, right=1.7, bottom=0.15)
    (low,) = axes(lower, "Without it: what is returned against what is read", left=1.0, right=1.7, bottom=FOOT)
    _stems(top, data.scores, look.colour, AXIS_MIN)
    top.set_yscale("log")
    top.set_ylim(AXIS_MIN, AXIS_MAX)
    top.set_yticks([1e-4, 1e-3, 1e-2, 0.1, 1], ["0.0001", "0.001", "0.01", "0.1", "1"])
    top.minorticks_off()
    _means(top, data.mean, data.mean_without_first)
    low.set_ylim(0, AXIS_MAX)
    low.set_yticks([0, 1, 2])
    if data.bare is None:
        low.annotate("a block has none", (0.5, 0.5), xycoords="axes fraction", ha="center", color=SOFT,
                     fontsize=SIZES["label"])  # fmt: skip
    else:
        _stems(low, data.bare, look.colour, 0.0)
        _means(low, data.bare_mean, data.bare_mean_without_first)
    for ax in (top, low):
        ax.set_xlim(-0.7, len(data.pieces) - 0.3)
        ax.set_xticks([])
    low.set_xticks(range(len(data.pieces)), [drawable(piece)[:12] for piece in data.pieces], rotation=60, ha="right",
                   rotation_mode="anchor")  # fmt: skip
    low.tick_params(axis="x", length=0, labelsize=SIZES["note"], pad=1)
    for ax in (top, low):
        label_axes(ax, y="1 − cosine")
        ax.yaxis.set_label_coords(-0.66 / (inches(figure)[0] - 2.7), 0.5)  # beside the widest numbers


def _stems(ax: Axes, row: Sequence[float], colour: str, floor: float) -> None:
    """Draw one stem with a head per token, the first one in a look of its own."""
    ends, places = [max(value, floor) for value in row], range(len(row))
    first = MARKS["cut"]
    ax.vlines(places[:1], floor, ends[:1], color=first.colour, linewidth=3.0, linestyle=(0, (1, 1)))
    ax.vlines(places[1:], floor, ends[1:], color=colour, linewidth=3.0)
    for where, own, marker in ((slice(0, 1), first.colour, first.marker), (slice(1, None), colour, "o")):
        ax.plot(places[where], ends[where], marker, color=own, markersize=6.5, markeredgecolor=PAPER)


def _means(ax: Axes, with_first: float, without: float) -> None:
    """Draw both means as lines with their numbers at the right, apart where they nearly coincide."""
    places = [(with_first, "-", "mean", 6 if with_first >= without else -6),
              (without, "--", "without first", 6 if without > with_first else -6)]  # fmt: skip
    for value, style, name, shift in places:
        ax.axhline(max(value, AXIS_MIN), color=INK, linewidth=1, linestyle=style)
        ax.annotate(
            f"{name} {number(value, 2)}", (1, max(value, AXIS_MIN)), xycoords=("axes fraction", "data"),
            xytext=(5, shift), textcoords="offset points", va="center", fontsize=SIZES["note"], color=INK,
        )  # fmt: skip


def describe(data: ScoreData) -> str:
    """Return what the picture shows, in words."""
    top = max(range(1, len(data.scores)), key=data.scores.__getitem__)
    says = (
        f"{NAMES[data.part]} of layer {data.layer} on {len(data.pieces)} tokens: 1 − cosine of the stream before and "
    )
    says += f"after is {number(data.mean, 2)} on average, {number(data.mean_without_first, 2)} without the first token "
    says += f"(which has {number(data.scores[0], 2)}); after it the highest is at “{data.pieces[top]}”, "
    says += f"{number(data.scores[top], 2)}."
    if data.bare is None:
        says += " A block has no score without the residual: it reads and returns the stream itself."
    else:
        says += f" Without the residual it is {number(data.bare_mean, 2)}, {number(data.bare_mean_without_first, 2)} "
        says += f"without the first token: {_angle(data.bare_mean_without_first)}"
    return f"{says} {never_seen(data.unseen)}".rstrip()


def _angle(score: float) -> str:
    if abs(score - 1) < 0.1:
        return "what it writes stands at about a right angle to what it reads, as two random directions would."
    return "what it writes points partly " + ("along what it reads." if score < 1 else "against what it reads.")


DRAWINGS = {"ScoreData": Drawing(paint, describe, lambda data: (8.6, 4.4))}
