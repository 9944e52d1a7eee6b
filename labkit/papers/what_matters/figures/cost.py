"""The picture of the cost meter: four shares that are left, for each kind of cut."""

from __future__ import annotations

from matplotlib.figure import FigureBase

from labkit.base.numbers import percent
from labkit.figures.drawing import Drawing
from labkit.figures.style import INK, MARKS, PAPER, RULE, SIZES, axes, bars, label_axes, legend, row_names, whiskers

from ..experiments.cost import KINDS, NEW, CostData, CostRow

__all__ = ["DRAWINGS", "describe"]

LOOKS = {"weights": "intact", "cache": "attention", "FLOPs": "mlp", "time": "cut"}
AXIS_MAX = 1.2
ON_PAPER = {"facecolor": PAPER, "edgecolor": "none", "pad": 0.5}  # a line behind a number is not seen


def paint(data: CostData, figure: FigureBase) -> None:
    """Draw four bars per kind of cut, the time with its interval, on an axis that does not move."""
    (ax,) = axes(figure, f"What is left without {data.gone} attentions, MLPs or blocks", left=1.3, right=1.2)
    for order, (name, look) in enumerate(LOOKS.items()):
        places = [row + 0.2 * (order - 1.5) for row in range(len(data.rows))]
        shares = [row.left[name] for row in data.rows]
        bars(ax, places, [min(share, AXIS_MAX) for share in shares], MARKS[look], 0.18, across=True, label=name)
        for place, share, row in zip(places, shares, data.rows):
            end = max(share, row.time.high) if name == "time" else share
            text = f"{share:.0%}".replace("%", " %")
            ax.annotate(text, (min(end, AXIS_MAX), place), xytext=(5, 0), textcoords="offset points", va="center",
                        fontsize=SIZES["note"], color=INK, bbox=ON_PAPER)  # fmt: skip
    times = [row.time for row in data.rows]
    lows, highs = ([min(end, AXIS_MAX) for end in ends] for ends in zip(*((one.low, one.high) for one in times)))
    whiskers(ax, [row + 0.3 for row in range(len(times))], lows, highs, across=True)
    ax.axvline(1, color=RULE, linewidth=1)
    row_names(ax, [KINDS[row.kind] for row in data.rows])
    ax.set_ylim(len(data.rows) - 0.45, -0.55)
    ax.set_xlim(0, AXIS_MAX)
    ax.set_xticks([0, 0.25, 0.5, 0.75, 1], ["0", "25 %", "50 %", "75 %", "all"])
    label_axes(ax, x="share of the intact model")
    legend(ax)


def describe(data: CostData) -> str:
    """Return what the picture shows, in words."""
    texts = f"{data.batch} texts" if data.batch > 1 else "one text"
    says = f"{data.model}, {texts} of {data.length} tokens read and {NEW} written. Saved with {data.gone} gone: "
    return says + "; ".join(map(_saved, data.rows)) + f". Time in {data.clock}."


def _saved(row: CostRow) -> str:
    time, sure = row.time, "" if row.time.excludes(1.0) else ", not told from none"
    saved = ", ".join(f"{percent(1 - share)} of the {name}" for name, share in row.left.items())
    return f"{KINDS[row.kind]} {saved} ({percent(1 - time.high)} to {percent(1 - time.low)}{sure})"


DRAWINGS = {"CostData": Drawing(paint, describe, lambda data: (8.6, 3.8))}
