"""The picture of the quantiser: the numbers and the levels that are left for them, and what the model makes of it."""

from __future__ import annotations

from matplotlib.figure import FigureBase

from labkit.figures.drawing import Drawing
from labkit.figures.style import INK, MARKS, SIZES, axes, bars, inches, label_axes, row_names

from ..experiments.quantiser import QuantiserData, shown

__all__ = ["DRAWINGS"]

LITTLE = 0.003  # nats a token, below which a change on a few texts says nothing
SIDE = 4.1  # inches for the losses
LEAST_END = 0.1  # nats a token: where rises are tiny, their axis ends here


def paint(data: QuantiserData, figure: FigureBase) -> None:
    """Draw the histogram with its levels left, the losses right."""
    width, _ = inches(figure)
    left, right = figure.subfigures(1, 2, width_ratios=(width - SIDE, SIDE))
    _numbers(left, data)
    _losses(right, data)


def _numbers(figure: FigureBase, data: QuantiserData) -> None:
    (ax,) = axes(figure, f"{data.ordinary} of {2**data.bits} levels for most numbers", left=0.3, right=0.2)
    # One outline: sixty bars would take as long as all the rest.
    ax.stairs(data.counts, data.edges, fill=True, color=MARKS["intact"].colour, alpha=0.55, linewidth=0)
    ax.vlines(data.levels, 0, 1.02 * max(data.counts), color=INK, linewidth=1.1 if len(data.levels) < 40 else 0.5)
    ax.plot(data.value_after, 1.06 * max(data.counts), "v", color=MARKS["cut"].colour, markersize=8)
    ax.set_xlim(data.edges[0], data.edges[-1])
    ax.set_ylim(0, 1.25 * max(data.counts))
    ax.set_yticks([])
    ax.annotate(
        f"▾ chosen weight {data.value:.3f} → {data.value_after:.3f}", (0.98, 0.97), xycoords="axes fraction",
        ha="right", va="top", fontsize=SIZES["note"], color=INK,
    )  # fmt: skip
    label_axes(ax, x="value of a weight; lines: the levels left")


def _losses(figure: FigureBase, data: QuantiserData) -> None:
    (ax,) = axes(figure, f"Rise of the loss, clip at {data.clip:g} std", left=1.95, right=0.65)
    rises = {way: loss - data.intact for way, loss in data.losses.items()}
    for place, (way, rise) in enumerate(rises.items()):
        mark = MARKS["cut" if way == data.outlier else "intact"]
        bars(ax, [place], [max(rise, 0)], mark, 0.55, across=True)
        ax.annotate(
            f"{round(rise, 3) + 0.0:+.3f}", (max(rise, 0), place), xytext=(4, 0), textcoords="offset points",
            va="center", fontsize=SIZES["note"], color=INK,
        )  # fmt: skip
    names = [shown(way) + (" ◂" if way == data.outlier else "") for way in data.losses]
    row_names(ax, names)
    ax.set_ylim(len(names) - 0.4, -0.6)
    ax.set_xlim(0, max(*rises.values(), LEAST_END))
    label_axes(ax, x="nats a token, on these texts")


def describe(data: QuantiserData) -> str:
    """Return what the picture shows, in words."""
    said = [
        f"{data.bits} bits give {2**data.bits} levels, spread from end to end. {data.ordinary} of them serve the "
        f"middle 98 of 100 numbers of {data.address}."
    ]
    if data.outlier in ("keep", "both"):
        said.append(f"The chosen weight stays {data.value:.3f} and needs no level.")
    else:
        said.append(f"The chosen weight was {data.value:.3f} and is now {data.value_after:.3f}.")
    said.append(_cost(data))
    best = min(data.losses, key=data.losses.__getitem__)
    if max(data.losses.values()) - min(data.losses.values()) < LITTLE:
        said.append(f"No two of the four ways differ by {LITTLE}: here it does not matter.")
    elif best != data.outlier:
        said.append(f"Cheapest of the four ways: “{shown(best)}”, {data.losses[best] - data.intact:+.3f}.")
    return " ".join(said)


def _cost(data: QuantiserData) -> str:
    """Return what rounding does to the loss; a change too small to mean anything on a few texts is called so."""
    moved = f"from {data.intact:.3f} to {data.losses[data.outlier]:.3f} nats a token"
    if abs(data.rise) < LITTLE:
        return f"The loss goes {moved}: too little to mean anything."
    return f"The loss {'rises' if data.rise > 0 else 'falls'} {moved}."


DRAWINGS = {"QuantiserData": Drawing(paint, describe, lambda data: (8.6, 3.6))}
