"""What every block costs to lose in two kinds of trained models, and the chosen block by seed."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import FigureBase
from matplotlib.ticker import MaxNLocator

from labkit.figures.drawing import Drawing
from labkit.figures.style import BAND, INK, MARKS, SIZES, axes, column_names, inches, label_axes, wrapped

from ..experiments.block_runs import END, IDLE, START
from ..experiments.pairs import WORDS, PairData

__all__ = ["DRAWINGS"]

SIDE = 2.9  # inches for the chosen block
AXIS_MIN, AXIS_MAX = 1e-4, 10.0  # nats a token; what is less or more stands at these, which the axis says
ROOM = 1.7  # the axis goes on beyond both, so that no dot is cut in half
LOOKS = (MARKS["intact"], MARKS["cut"])


def paint(data: PairData, figure: FigureBase) -> None:
    """Draw all blocks left and the chosen one right, on one logarithmic axis that does not move."""
    width, _ = inches(figure)
    left, right = figure.subfigures(1, 2, width_ratios=(width - SIDE, SIDE))
    (ax,) = axes(left, f"Cost of losing {WORDS[data.part]}", left=0.8, right=0.1, bottom=0.95)
    ax.axvspan(data.block - 0.5, data.block + 0.5, color=BAND, zorder=0)
    for shift, look, (name, rows) in zip((-0.12, 0.12), LOOKS, data.costs.items()):
        means = [_held(mean) for mean in data.means(name)]
        places = [number + shift for number in range(1, len(means) + 1)]
        ax.plot(places, means, look.line, color=look.colour, marker=look.marker, markersize=6, label=name, zorder=3)
        if len(rows) > 1:
            for row in rows.values():
                ax.plot(
                    places, list(map(_held, row)), look.marker, color=look.colour, markersize=3, alpha=0.55, zorder=2
                )
    ax.xaxis.set_major_locator(MaxNLocator(8, integer=True))
    _scale(ax)
    label_axes(ax, x="block", y="nats a token")
    left.legend(
        *ax.get_legend_handles_labels(), loc="lower left", bbox_to_anchor=(0.6 / width, 0.0), ncols=2, frameon=False,
        fontsize=SIZES["label"], labelcolor=INK,
    )  # fmt: skip
    _chosen(right, data)


def _chosen(figure: FigureBase, data: PairData) -> None:
    (ax,) = axes(figure, f"Block {data.block}, by seed", left=0.6, right=0.2, bottom=0.95)
    for place, (look, name) in enumerate(zip(LOOKS, data.costs)):
        costs = list(data.chosen(name).values())
        spread = [place + 0.36 * (i - (len(costs) - 1) / 2) / max(1, len(costs) - 1) for i in range(len(costs))]
        ax.plot(spread, list(map(_held, costs)), look.marker, color=look.colour, markersize=7, markeredgecolor="white")
        ax.hlines(_held(sum(costs) / len(costs)), place - 0.25, place + 0.25, color=INK, linewidth=1.8)
    column_names(ax, [wrapped(name, 1.0) for name in data.costs])
    ax.set_xlim(-0.6, 1.6)
    _scale(ax)


def _scale(ax: Axes) -> None:
    ax.set_yscale("log")
    ax.set_ylim(AXIS_MIN / ROOM, AXIS_MAX * ROOM)
    ends = {AXIS_MIN: "≤ $10^{-4}$", AXIS_MAX: "≥ $10^{1}$"}
    ticks = [10.0**power for power in range(-4, 2)]
    ax.set_yticks(ticks, [ends.get(tick, f"$10^{{{power}}}$") for power, tick in enumerate(ticks, start=-4)])
    ax.minorticks_off()


def _held(cost: float) -> float:
    return min(max(cost, AXIS_MIN), AXIS_MAX)


def describe(data: PairData) -> str:
    """Return what the chosen block costs in both kinds, and how many blocks are idle."""
    when = {START: "untrained", END: "trained"}.get(data.step, f"after step {data.step}")
    what = f"block {data.block}" if data.part == "block" else f"{WORDS[data.part]} in block {data.block}"
    costs = "; ".join(f"{name} {_range(list(data.chosen(name).values()))}" for name in data.costs)
    return f"Without {what} ({when}), nats a token: {costs}. {_apart(data)} {_idle(data)}"


def _range(values: Sequence[float]) -> str:
    if len(values) == 1:
        return f"{values[0]:.3f} (one seed)"
    return f"{sum(values) / len(values):.3f} ({len(values)} seeds, {min(values):.3f} to {max(values):.3f})"


def _apart(data: PairData) -> str:
    first, second = (list(data.chosen(name).values()) for name in data.costs)
    if min(len(first), len(second)) < 2:
        return "One seed each: another may give another answer."
    if max(first) < min(second) or max(second) < min(first):
        return "No seed of the one kind lies among those of the other."
    return "The seeds of the two kinds overlap."


def _idle(data: PairData) -> str:
    """Count model by model: a mean over models hides that each has other idle blocks."""
    counts = []
    for name, rows in data.costs.items():
        idle = [sum(cost <= IDLE for cost in row) for row in rows.values()]
        counts.append(f"{name} {sum(idle) / len(idle):.1f} of {len(next(iter(rows.values())))}")
    return f"Blocks that cost at most {IDLE:g}, averaged over the seeds: {', '.join(counts)}."


DRAWINGS = {"PairData": Drawing(paint, describe, lambda data: (8.6, 3.6))}
