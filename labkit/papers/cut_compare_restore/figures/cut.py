"""The picture of the cut panel: next words, loss, and how the model goes on; intact beside cut."""

from __future__ import annotations

from matplotlib.figure import FigureBase

from labkit.figures import NextWords, draw
from labkit.figures.drawing import Drawing
from labkit.figures.sheet import drawable, write_goes_on
from labkit.figures.style import INK, MARKS, SIZES, axes, bars, column_names, inches, label_axes
from labkit.measurements.readings import Reading

from ..experiments.cut import CutData, name_of
from .cut_words import sentence_of

__all__ = ["DRAWINGS", "paint"]

FOOT, FEW = 0.62, 2.3  # inches: the two lines below, the width of the loss
MOST_NATS = 10.0  # end of the axis: above guessing evenly, for a damaged model can be sure of the wrong word


def paint(data: CutData, figure: FigureBase) -> None:
    """Draw both readings on axes that do not move."""
    width, height = inches(figure)
    upper, lower = figure.subfigures(2, 1, height_ratios=(height - FOOT, FOOT))
    left, right = upper.subfigures(1, 2, width_ratios=(width - FEW, FEW))
    rest = [max(0.0, 1 - sum(side.probabilities)) for side in (data.intact, data.cut)]
    words = NextWords(
        title=f"Cut: {name_of(data.part, data.layer)}",
        words=(*map(drawable, data.words), " any other word"),
        intact=(*data.intact.probabilities, rest[0]),
        cut=(*data.cut.probabilities, rest[1]),
        right=None if data.right is None else drawable(data.right),
    )
    draw(words, left)
    _loss(right, data)
    write_goes_on(lower, data.intact.goes_on, data.cut.goes_on)


def _loss(figure: FigureBase, data: CutData) -> None:
    (ax,) = axes(figure, "Loss", left=0.65, right=0.15)
    for place, (name, reading) in enumerate((("intact", data.intact), ("cut", data.cut))):
        bars(ax, [place], [min(reading.loss, MOST_NATS)], MARKS[name], 0.6)
        _number(ax, place, reading)
    column_names(ax, ["intact", "cut"])
    ax.set_xlim(-0.6, 1.6)
    ax.set_ylim(0, MOST_NATS)
    ax.set_yticks([0, MOST_NATS / 2, MOST_NATS], ["0", f"{MOST_NATS / 2:g}", f"{MOST_NATS:g}"])
    label_axes(ax, y="nats per token")


def _number(ax, place: int, reading: Reading) -> None:
    """Write the number over its bar, or inside the bar where it would leave the axis."""
    high = reading.loss > 0.88 * MOST_NATS
    text = f"{reading.loss:.2f}" + (" ↑" if reading.loss > MOST_NATS else "")
    ax.annotate(
        text, (place, min(reading.loss, MOST_NATS)), xytext=(0, -4 if high else 3), textcoords="offset points",
        ha="center", va="top" if high else "bottom", fontsize=SIZES["tick"], color=INK,
        bbox={"facecolor": "white", "edgecolor": "none", "pad": 1.5} if high else None,
    )  # fmt: skip


DRAWINGS = {"CutData": Drawing(paint, sentence_of, lambda data: (8.6, 3.6))}
