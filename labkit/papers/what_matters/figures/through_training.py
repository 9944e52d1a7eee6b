"""The picture of training: the measure by layer at one step among all, and its means over layers by step."""

from __future__ import annotations

from matplotlib.axes import Axes
from matplotlib.figure import FigureBase

from labkit.figures.style import FAINT, INK, MARKS, RULE, SIZES, axes, inches, label_axes, legend

from ..experiments.through_training import MEASURES, TrainingData

__all__ = ["paint"]

LEAST, MOST = 1e-4, 10.0  # ends of the axes
LOOKS = {"attention": ("attention", "attention"), "mlp": ("mlp", "MLP"), "block": ("cut", "block")}


def paint(data: TrainingData, figure: FigureBase) -> None:
    """Draw one line per kept step over the layers, the chosen one dark; and three means over the steps."""
    mark_name, name = LOOKS[data.part]
    titles = (f"{name[0].upper()}{name[1:]}, by layer", f"Mean of layers 1 to {len(data.values[0]) - 1}")
    left, right = axes(figure, *titles, left=1.0, right=1.35, bottom=0.75, between=1.0)
    for row in data.values:
        left.plot(range(len(row)), [max(v, LEAST) for v in row], "-", color=FAINT, linewidth=1)
    mark, row = MARKS[mark_name], data.values[data.place]
    left.plot(range(len(row)), [max(v, LEAST) for v in row], mark.line, marker=mark.marker, color=mark.colour)
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
    said = next(words for words, kept in MEASURES.items() if kept == data.measure)
    for ax, x in ((left, "layer"), (right, "step of training")):
        ax.set_yscale("log")
        ax.set_ylim(LEAST, MOST)
        ax.set_yticks([1e-4, 1e-3, 1e-2, 0.1, 1, 10], ["0.0001", "0.001", "0.01", "0.1", "1", "10"])
        ax.minorticks_off()
        label_axes(ax, x=x)
    legend(right)
    label_axes(left, y=said if data.measure == "score" else f"{said} (nats)")
    left.yaxis.set_label_coords(-0.7 / ((inches(figure)[0] - 3.35) / 2), 0.5)  # beside the widest numbers


def _mean(ax: Axes, data: TrainingData, part: str, look: str, spoken: str) -> None:
    mark, values = MARKS[look], [max(value, LEAST) for value in data.mean(part)]
    ax.plot(data.steps, values, mark.line, marker=mark.marker, color=mark.colour, markersize=5, label=spoken)
