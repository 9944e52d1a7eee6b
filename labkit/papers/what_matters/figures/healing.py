"""The picture of the healing panel: loss and copying over steps of training, the cut beside the intact control."""

from __future__ import annotations

from matplotlib.axes import Axes
from matplotlib.figure import FigureBase

from labkit.figures.style import INK, MARKS, RULE, SIZES, SOFT, axes, inches, label_axes
from labkit.measurements.estimate import Estimate

from ..experiments.healing import NOTHING, HealData

__all__ = ["paint"]


def paint(data: HealData, figure: FigureBase) -> None:
    """Draw the cut as far as `steps`, the control beside it, other cuts dotted, on axes that do not move."""
    left, right = axes(figure, "Loss on held-out stories", "Copying a list, share right", left=0.95, right=0.2,
                       bottom=1.0)  # fmt: skip
    last = max(curve.steps[-1] for curve in data.curves.values())
    others = [curve for cut, curve in data.curves.items() if cut not in (data.cut, NOTHING)]
    for place, curve in enumerate(others):
        name = "the other cuts" if not place else None
        left.plot(curve.steps, [one.value for one in curve.loss], ":", color=RULE, linewidth=1.2, label=name)
        right.plot(curve.steps, [one.value for one in curve.copying], ":", color=RULE, linewidth=1.2)
    for cut, look in ((NOTHING, "intact"), (data.cut, "cut")):
        if cut not in data.curves or (cut == NOTHING and look == "cut"):
            continue
        curve = data.curves[cut]
        upto = curve.at(data.steps) + 1
        name = "intact, trained as long" if look == "intact" else f"without {cut}"
        _line(left, curve.steps[:upto], curve.loss[:upto], look, name)
        _line(right, curve.steps[:upto], curve.copying[:upto], look, name)
    for ax in (left, right):
        ax.set_xlim(-0.03 * last, 1.03 * last)
        ax.set_xticks(sorted({0, last // 2, last}))
        label_axes(ax, x="steps of training")
    losses = [one.value for curve in data.curves.values() for one in curve.loss]
    room = 0.08 * (max(losses) - min(losses)) or 0.1
    left.set_ylim(min(losses) - room, max(losses) + room)
    label_axes(left, y="nats a token")
    right.set_ylim(0, 1.05)
    right.axhline(data.chance, color=RULE, linewidth=1)
    right.annotate("chance", (0, data.chance), xytext=(2, -2), textcoords="offset points", va="top", color=SOFT,
                   fontsize=SIZES["note"])  # fmt: skip
    handles, names = left.get_legend_handles_labels()
    figure.legend(handles, names, loc="lower left", bbox_to_anchor=(0.75 / inches(figure)[0], 0.0), ncols=3,
                  frameon=False, fontsize=SIZES["label"], labelcolor=INK)  # fmt: skip


def _line(ax: Axes, steps: tuple[int, ...], line: tuple[Estimate, ...], look: str, name: str) -> None:
    mark = MARKS[look]
    ax.plot(steps, [one.value for one in line], mark.line, marker=mark.marker, color=mark.colour, label=name)
    ax.vlines(steps, [one.low for one in line], [one.high for one in line], color=mark.colour, linewidth=1.2)
