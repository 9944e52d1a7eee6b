"""The picture of training: the measure by layer at one step among all, and its means over layers by step."""

from __future__ import annotations

from matplotlib.axes import Axes
from matplotlib.figure import FigureBase

from labkit.base.numbers import number
from labkit.figures.drawing import Drawing
from labkit.figures.style import FAINT, INK, MARKS, RULE, SIZES, axes, inches, label_axes, legend
from labkit.panels.controls import words_for

from ..experiments.through_training import MEASURES, NAMES, PARTS, TrainingData

__all__ = ["DRAWINGS", "describe"]

AXIS_MIN, AXIS_MAX = {"score": 1e-3, "loss": 1e-4}, 10.0  # ends of the left axis
LOOKS = {"attention": ("attention", "attention"), "mlp": ("mlp", "MLP"), "block": ("cut", "block")}


def paint(data: TrainingData, figure: FigureBase) -> None:
    """Draw one line per kept step over the layers, the chosen one dark; and three means over the steps, from 0."""
    mark_name, name = LOOKS[data.part]
    titles = (f"{name[0].upper()}{name[1:]}, by layer", f"Mean of layers 1 to {data.middle[-1]}")
    left, right = axes(figure, *titles, left=1.0, right=1.35, bottom=0.75, between=1.0)
    least = AXIS_MIN[data.measure]
    for row in data.values:
        left.plot(range(len(row)), [max(v, least) for v in row], "-", color=FAINT, linewidth=1)
    mark, row = MARKS[mark_name], data.values[data.place]
    left.plot(range(len(row)), [max(v, least) for v in row], mark.line, marker=mark.marker, color=mark.colour)
    left.set_xticks(range(0, len(row), max(1, -(-len(row) // 8))))
    note = f"step {data.step:,}; faint: the others"
    left.annotate(note, (1, 0.98), xycoords="axes fraction", ha="right", va="top", fontsize=SIZES["note"], color=INK)
    for part, (look, spoken) in LOOKS.items():
        _mean(right, data, part, look, spoken)
    right.axvline(data.step, color=RULE, linewidth=1, linestyle=":")
    right.set_xscale("log")
    right.set_xticks([step for step in (10, 100, 1000, 10000) if data.steps[0] / 2 <= step <= 2 * data.steps[-1]])
    right.set_xticklabels([f"{int(step):,}" for step in right.get_xticks()])
    right.set_xlim(data.steps[0] / 1.3, data.steps[-1] * 1.3)
    said = words_for(MEASURES, data.measure)
    left.set_yscale("log")
    left.set_ylim(least, AXIS_MAX)
    ticks = [tick for tick in (1e-4, 1e-3, 1e-2, 0.1, 1, 10) if tick >= least]
    left.set_yticks(ticks, [f"{tick:.4f}".rstrip("0").rstrip(".") for tick in ticks])
    right.set_ylim(0, 1.1 * max(value for part in LOOKS for value in data.mean(part)))
    for ax, x in ((left, "layer"), (right, "step of training")):
        ax.minorticks_off()
        label_axes(ax, x=x)
    legend(right)
    label_axes(left, y=said if data.measure == "score" else f"{said} (nats)")
    left.yaxis.set_label_coords(-0.7 / ((inches(figure)[0] - 3.35) / 2), 0.5)  # beside the widest numbers


def _mean(ax: Axes, data: TrainingData, part: str, look: str, spoken: str) -> None:
    mark = MARKS[look]
    ax.plot(data.steps, data.mean(part), mark.line, marker=mark.marker, color=mark.colour, markersize=5, label=spoken)


def describe(data: TrainingData) -> str:
    """Return what the picture shows, in words."""
    row, last = data.values[data.place], data.values[-1]
    said = words_for(MEASURES, data.measure)
    order = sorted(range(1, len(row)), key=row.__getitem__)
    loss = data.run.loss[data.place]
    says = f"{data.run.model} after step {data.step:,} of training (loss {loss.value:.2f} nats a token): {said}, "
    low, high = order[0], order[-1]
    says += f"{NAMES[data.part]} by {NAMES[data.part]}. Layer 0 has {number(row[0], 2)}; of the others the lowest is "
    says += f"{number(row[low], 2)} in layer {low}, the highest {number(row[high], 2)} in layer {high}. "
    means = {part: data.mean(part) for part in PARTS.values()}
    now = "; ".join(f"{NAMES[part]} {number(values[data.place], 2)}" for part, values in means.items())
    says += f"Means over layers 1 to {data.middle[-1]}: {now}."
    if data.place + 1 < len(data.steps):
        then = "; ".join(f"{NAMES[part]} {number(values[-1], 2)}" for part, values in means.items())
        says += f" At the last step: {then}; layer {low} then has {number(last[low], 2)}."
    return says


DRAWINGS = {"TrainingData": Drawing(paint, describe, lambda data: (8.6, 3.8))}
