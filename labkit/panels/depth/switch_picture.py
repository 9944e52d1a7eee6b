"""The picture of the switch: the model as trained beside the model as it is now, block by block, and both losses."""

from __future__ import annotations

import math

from matplotlib.figure import FigureBase

from labkit.figures.style import INK, MARKS, SIZES, axes, bars, inches, label_axes

from .lines import Plot, paint_plots
from .switch import LEAST, MOST, SwitchData

__all__ = ["paint"]

SIDE = 1.75  # inches for the losses
ROOM = 100.0  # the axis of variances reaches so far beyond those of the model as trained


def paint(data: SwitchData, figure: FigureBase) -> None:
    """Draw variance, turn and cost by block, and the loss, on axes that depend on the model as trained alone."""
    width, _ = inches(figure)
    left, right = figure.subfigures(1, 2, width_ratios=(width - SIDE, SIDE))
    looks = {"as trained": data.trained, "now": data.now}
    sizes = [value for value in data.trained.variance[1:] if value > 0] or [1.0]
    ends = tuple(10.0 ** round(math.log10(end)) for end in (min(sizes) / ROOM, max(sizes) * ROOM))
    paint_plots(
        [
            Plot("Stream", {name: look.variance[1:] for name, look in looks.items()}, ends, "variance", True),
            Plot("Turn", {name: look.turns for name, look in looks.items()}, (0.0, 0.5), "angle / π"),
            Plot(
                "Cost to lose", {name: look.costs for name, look in looks.items()}, (LEAST, MOST), "nats a token", True
            ),
        ],
        left,
    )
    (ax,) = axes(right, "Loss", left=0.75, right=0.15, bottom=0.95)
    for place, (look, mark) in enumerate(zip(looks.values(), (MARKS["intact"], MARKS["cut"]))):
        bars(ax, [place], [min(look.loss, 1.5 * data.blind)], mark, 0.7)
        note = {"textcoords": "offset points", "ha": "center", "fontsize": SIZES["note"], "color": INK}
        ax.annotate(f"{look.loss:.2f}", (place, min(look.loss, 1.5 * data.blind)), xytext=(0, 3), **note)
    ax.set_xticks([0, 1], ["as\ntrained", "now"])
    ax.set_xlim(-0.6, 1.6)
    ax.set_ylim(0, 1.7 * data.blind)
    label_axes(ax, y="nats a token")
