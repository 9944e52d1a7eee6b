"""What a dropped block costs in each of two kinds of separately trained models, with a dot per seed. Lesson: 08."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from matplotlib.axes import Axes
from matplotlib.figure import FigureBase
from matplotlib.ticker import MaxNLocator

from labkit.base.errors import BadInput
from labkit.figures.style import BAND, INK, MARKS, SIZES, axes, column_names, inches, label_axes, wrapped
from labkit.panels.controls import Choice, Control, Slider
from labkit.panels.panel import Panel
from labkit.panels.tables import Table

from ..experiments.block_runs import DEPTH_KINDS, END, IDLE, PARTS, START, BlockRuns, blocks_path

if TYPE_CHECKING:
    from matplotlib.figure import FigureBase

__all__ = ["PairData", "PairPanel", "PairState"]

WORDS = {"block": "the whole block", "attention": "its attention", "mlp": "its MLP"}


@dataclass(frozen=True)
class PairState:
    """Which part of which block (numbered from 1) is left out, and after which step of training."""

    block: int = 8
    part: str = "block"
    step: str = END


@dataclass(frozen=True)
class PairData:
    """Costs in nats a token: by kind of model, by seed, one per block. losses: of the intact models."""

    block: int
    part: str
    step: str
    costs: Mapping[str, Mapping[int, tuple[float, ...]]]
    losses: Mapping[str, Mapping[int, float]]

    def means(self, name: str) -> list[float]:
        """Return the mean over seeds of each block's cost."""
        rows = list(self.costs[name].values())
        return [sum(column) / len(rows) for column in zip(*rows)]

    def chosen(self, name: str) -> dict[int, float]:
        """Return the cost of the chosen block by seed."""
        return {seed: row[self.block - 1] for seed, row in self.costs[name].items()}


class PairPanel(Panel):
    """Leave a block out of the models trained by two recipes, each at its own best learning rate.

    The answers are read from the measured runs (`labkit grid --measure`). Only the two main models come with the
    course, and `recompute` asks those alone. runs: other measured runs. lrs, seeds: which of them (default: the rate
    with most seeds, of several the one with the least loss).
    """

    question = "What does a lost block cost in models that were trained apart?"
    State = PairState
    size = (8.6, 3.6)

    def __init__(
        self,
        first: str = "depth/pre",
        second: str = "depth/lns",
        *,
        runs: BlockRuns | None = None,
        lrs: Mapping[str, float] | None = None,
        seeds: Sequence[int] | None = None,
        **options: Any,
    ):
        self.recipes, self._runs, self.seeds = (first, second), runs, seeds
        self.lrs = {recipe: self.runs.best_lr(recipe, seeds) for recipe in self.recipes} | dict(lrs or {})
        depths, self.steps = {run.depth for run in self._all()}, BlockRuns(tuple(self._all())).steps()
        if len(depths) != 1 or len(self.steps) < 2:
            raise BadInput(
                f"The runs of {first} and {second} have {sorted(depths)} blocks and share the steps {self.steps}.",
                expected="one depth, and at least two steps",
                do="measure both with labkit grid --found --measure",
            )
        self.depth = depths.pop()
        options.setdefault("start", PairState(block=max(1, self.depth // 2)))
        super().__init__(None, **options)

    @cached_property
    def runs(self) -> BlockRuns:
        """The measured runs; the course's own are read when first needed."""
        return BlockRuns.load(blocks_path()) if self._runs is None else self._runs

    def make_controls(self) -> Sequence[Control]:
        said = {START: "before training", END: "after training"}
        steps = {said.get(step, f"after step {step}"): step for step in self.steps}
        return (
            Slider("block", 1, max(2, self.depth), 1, label="Block", help="counted from 1, as in the paper"),
            Choice("part", {WORDS[part]: part for part in PARTS}, label="Leave out"),
            Choice("step", steps, label="When"),
        )

    def _all(self) -> list[Any]:
        return [
            run
            for run in self.runs
            if run.recipe in self.recipes
            and self.lrs[run.recipe] == run.lr
            and (self.seeds is None or run.seed in self.seeds)
        ]

    def stored(self, state: PairState) -> PairData | None:
        costs, losses = {}, {}
        for recipe in self.recipes:
            found = self.runs.of(recipe, lr=self.lrs[recipe], seeds=self.seeds, step=state.step)
            costs[name_of(recipe)] = {run.seed: run.costs(state.part) for run in found}
            losses[name_of(recipe)] = {run.seed: run.loss for run in found}
        return PairData(state.block, state.part, state.step, costs, losses) if all(costs.values()) else None

    def compute(self, state: PairState) -> PairData:
        from labkit.zoo import load

        from ..experiments.block_runs import measure_model, stories

        if state.step != END:
            raise BadInput(
                f"The models after step {state.step} are kept as measurements alone.",
                expected="the trained models, which come with the course",
                do='panel.set(step="end")',
            )
        costs, losses = {}, {}
        for recipe in self.recipes:
            handle = load(recipe)
            run = measure_model(handle, stories(), recipe=recipe, lr=0.0, seed=int(handle.card["seed"]), step=END)
            costs[name_of(recipe)] = {run.seed: run.costs(state.part)}
            losses[name_of(recipe)] = {run.seed: run.loss}
        return PairData(state.block, state.part, state.step, costs, losses)

    def presets(self) -> Sequence[PairState]:
        return [PairState(max(1, self.depth // 2), part) for part in PARTS]

    def draw(self, data: PairData, figure: FigureBase) -> None:
        paint(data, figure)

    def sentence(self, data: PairData) -> str:
        when = {START: "untrained", END: "trained"}.get(data.step, f"after step {data.step}")
        what = f"block {data.block}" if data.part == "block" else f"{WORDS[data.part]} in block {data.block}"
        costs = "; ".join(f"{name} {_range(list(data.chosen(name).values()))}" for name in data.costs)
        return f"Without {what} ({when}), nats a token: {costs}. {_apart(data)} {_idle(data)}"

    def table(self, data: PairData) -> Table:
        columns = [f"{name}, seed {seed}" for name, rows in data.costs.items() for seed in rows]
        values = [row for rows in data.costs.values() for row in rows.values()]
        rows = [(f"block {number}", *row) for number, row in enumerate(zip(*values), start=1)]
        rows.append(("(intact)", *(loss for by_seed in data.losses.values() for loss in by_seed.values())))
        return Table(f"Rise of the loss without {WORDS[data.part]}, nats a token", ("", *columns), rows)

    def code(self, state: PairState) -> str:
        lines = [
            "from labkit.papers.curse_of_depth import BlockRuns",
            "",
            "runs = BlockRuns.load()  # as measured by: labkit grid --found --measure",
            "costs = {}",
            f"for recipe, lr in {self.lrs!r}.items():",
            f"    chosen = runs.of(recipe, lr=lr, seeds={self.seeds!r}, step={state.step!r})",
            f"    costs[recipe] = [run.costs({state.part!r})[{state.block - 1}] for run in chosen]",
            "print(costs)",
        ]
        return "\n".join(lines)


def name_of(recipe: str) -> str:
    """Return a recipe in words."""
    return DEPTH_KINDS.get(recipe, recipe)


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


SIDE = 2.9  # inches for the chosen block
LEAST, MOST = 1e-4, 10.0  # nats a token; what is less or more stands at these, which the axis says
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
    ax.set_ylim(LEAST / ROOM, MOST * ROOM)
    ends = {LEAST: "≤ $10^{-4}$", MOST: "≥ $10^{1}$"}
    ticks = [10.0**power for power in range(-4, 2)]
    ax.set_yticks(ticks, [ends.get(tick, f"$10^{{{power}}}$") for power, tick in enumerate(ticks, start=-4)])
    ax.minorticks_off()


def _held(cost: float) -> float:
    return min(max(cost, LEAST), MOST)
