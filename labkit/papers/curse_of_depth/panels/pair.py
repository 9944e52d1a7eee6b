"""What a dropped block costs in each of two kinds of separately trained models, with a dot per seed. Lesson: 08."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from labkit.base.errors import BadInput
from labkit.panels.controls import Choice, Control, Slider
from labkit.panels.panel import Panel
from labkit.panels.tables import Table

from ..experiments.block_runs import DEPTH_KINDS, END, PARTS, START, BlockRuns, blocks_path
from ..experiments.pairs import WORDS, PairData

__all__ = ["PairPanel", "PairState"]


@dataclass(frozen=True)
class PairState:
    """Which part of which block (numbered from 1) is left out, and after which step of training."""

    block: int = 8
    part: str = "block"
    step: str = END


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
        super().__init__(None, **options)

    def first(self) -> PairState:
        return PairState(block=max(1, self.depth // 2))

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

    def table(self, data: PairData) -> Table:
        columns = [f"{name}, seed {seed}" for name, rows in data.costs.items() for seed in rows]
        values = [row for rows in data.costs.values() for row in rows.values()]
        rows = [(f"block {number}", *row) for number, row in enumerate(zip(*values), start=1)]
        rows.append(("(intact)", *(loss for by_seed in data.losses.values() for loss in by_seed.values())))
        return Table(f"Rise of the loss without {WORDS[data.part]}, nats a token", ("", *columns), rows)

    def code(self, state: PairState) -> str:
        return "\n".join([
            "from labkit.papers.curse_of_depth import BlockRuns",
            "",
            "runs = BlockRuns.load()  # as measured by: labkit grid --found --measure",
            "costs = {}",
            f"for recipe, lr in {self.lrs!r}.items():",
            f"    chosen = runs.of(recipe, lr=lr, seeds={self.seeds!r}, step={state.step!r})",
            f"    costs[recipe] = [run.costs({state.part!r})[{state.block - 1}] for run in chosen]",
            "print(costs)",
        ])  # fmt: skip


def name_of(recipe: str) -> str:
    """Return a recipe in words."""
    return DEPTH_KINDS.get(recipe, recipe)
