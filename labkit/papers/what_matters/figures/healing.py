"""The picture of the healing panel: loss and copying over steps of training, the cut beside the intact control."""

from __future__ import annotations

from matplotlib.axes import Axes
from matplotlib.figure import FigureBase

from labkit.base.numbers import percent
from labkit.figures.drawing import Drawing
from labkit.figures.style import INK, MARKS, RULE, SIZES, SOFT, axes, inches, label_axes
from labkit.measurements.estimate import Estimate

from ..experiments.healing import NOTHING, HealData

__all__ = ["DRAWINGS", "describe"]


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


def describe(data: HealData) -> str:
    """Return what the picture shows, in words."""
    curve = data.curves[data.cut]
    place = curve.at(data.steps)
    loss, copying = curve.loss, curve.copying
    what = (
        f"{data.model} intact" if data.cut == NOTHING else f"{data.model} without {data.cut} ({', '.join(curve.gone)})"
    )
    says = f"{what}: loss {loss[0].value:.3f} nats a token before any training, copying {percent(copying[0].value)} "
    says += f"right (chance {percent(data.chance)})."
    if place:
        now = loss[place]
        says += f" After {curve.steps[place]} steps ({curve.tokens[place]:,} tokens) it is {now.value:.3f} "
        says += f"({now.low:.3f} to {now.high:.3f}, 95 % interval over {now.n} stories) and "
        says += f"{percent(copying[place].value)}."
        says += _compared(data)
    return says


def _compared(data: HealData) -> str:
    """Say how much of the loss is back, and where training alone has brought the intact model."""
    if data.cut == NOTHING or NOTHING not in data.curves:
        return ""
    whole = data.curves[NOTHING]
    control = whole.loss[whole.at(data.steps)].value
    healed = data.healed
    back = "Little was lost." if healed is None else f"Of what the cut cost, {percent(healed)} is back."
    return f" {back} The intact model trained as long is at {control:.3f}. One run each: seeds are not compared."


DRAWINGS = {"HealData": Drawing(paint, describe, lambda data: (8.6, 3.8))}
