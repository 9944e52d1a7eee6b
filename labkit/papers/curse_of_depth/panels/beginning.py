"""Depth, placement of the norm, and first values: what a model is before it has learned anything. Lesson: 08."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from labkit.panels.controls import Choice, Control, Slider
from labkit.panels.panel import Panel
from labkit.panels.tables import Table

from ..experiments.untrained import (
    BASELINE,
    DOCUMENTS,
    FIRST_VALUES,
    LENGTH,
    PLACEMENTS,
    InitialisationLook,
    fields_of,
    look_at,
)

if TYPE_CHECKING:
    from matplotlib.figure import FigureBase

__all__ = ["InitialisationData", "InitialisationPanel", "InitialisationState"]


@dataclass(frozen=True)
class InitialisationState:
    """Which model is made: where its norms stand, how deep it is, what its matrices start from."""

    placement: str = "LayerNorm Scaling"
    depth: int = 24
    first_values: str = "plain"


@dataclass(frozen=True)
class InitialisationData:
    """The chosen model beside plain Pre-LN of the same depth."""

    placement: str
    depth: int
    first_values: str
    chosen: InitialisationLook
    baseline: InitialisationLook


class InitialisationPanel(Panel):
    """Build a model of 1 to 64 blocks and look at it before any training; two texts of random tokens go through it."""

    question = "What is a block before it has learned anything?"
    State = InitialisationState
    size = (8.6, 3.6)

    def make_controls(self) -> Sequence[Control]:
        return (
            Choice("placement", tuple(PLACEMENTS), label="Norm", help="where the norm or the factor stands"),
            Slider("depth", 1, 64, 1, label="Blocks", help="of 64 channels each"),
            Choice("first_values", tuple(FIRST_VALUES), label="First values", help="what the matrices start from"),
        )

    def compute(self, state: InitialisationState) -> InitialisationData:
        chosen = look_at(state.placement, state.depth, state.first_values)
        baseline = look_at(BASELINE[0], state.depth, BASELINE[1])
        return InitialisationData(state.placement, state.depth, state.first_values, chosen, baseline)

    def presets(self) -> Sequence[InitialisationState]:
        if self.start != InitialisationState():  # a lesson asks for one picture
            return [self.start]
        return [
            InitialisationState("LayerNorm Scaling", 24, "plain"),
            InitialisationState("Post-LN", 24, "plain"),
            InitialisationState("Pre-LN", 24, "outputs smaller (GPT-2)"),
        ]

    def restored(self, state: InitialisationState) -> InitialisationState:
        return InitialisationState(BASELINE[0], state.depth, BASELINE[1])

    def draw(self, data: InitialisationData, figure: FigureBase) -> None:
        from ..figures.lines import Plot, paint_plots

        name = data.placement if data.first_values == "plain" else f"{data.placement}, {data.first_values}"
        sides = {"Pre-LN, plain": data.baseline}
        sides = sides if name == "Pre-LN" else sides | {name: data.chosen}
        paint_plots(
            [
                Plot("Stream's size", {n: look.variance for n, look in sides.items()}, (1e-4, 1e2), "variance", True),
                Plot("Turn by each block", {n: look.turns for n, look in sides.items()}, (0.0, 0.5), "angle / π"),
                Plot(
                    "Gradient",
                    {n: look.gradients for n, look in sides.items()},
                    (1e-2, 1e2),
                    "÷ the last block's",
                    True,
                ),
            ],
            figure,
        )

    def sentence(self, data: InitialisationData) -> str:
        chosen, plain = data.chosen, data.baseline
        blocks = f"{data.depth} untrained block{'s' * (data.depth != 1)}"
        says = (
            f"{blocks}, {data.placement}, first values {data.first_values}: after the last the stream's variance is "
            f"{chosen.variance[-1]:.3g}, and the last turns it by {chosen.turns[-1]:.3f} of a half turn. The gradient "
            f"after the first block is {chosen.gradients[0]:.2g} times that after the last."
        )
        if (data.placement, data.first_values) == BASELINE:
            return says
        return (
            f"{says} In plain Pre-LN: variance {plain.variance[-1]:.3g}, turn {plain.turns[-1]:.3f}, gradient "
            f"{plain.gradients[0]:.2g} times. {_verdict(chosen.turns[-1], plain.turns[-1])}"
        )

    def table(self, data: InitialisationData) -> Table:
        parts = {"variance after block": "variance", "turn by block": "turns", "gradient after block": "gradients"}
        rows = [
            (f"{name} {number}", *values)
            for name, part in parts.items()
            for number, values in enumerate(zip(getattr(data.chosen, part), getattr(data.baseline, part)), start=1)
        ]
        caption = "Before training; turns are angles over π, gradients relative to that after the last block"
        return Table(caption, ("", f"{data.placement}, {data.first_values}", "Pre-LN, plain"), rows)

    def code(self, state: InitialisationState) -> str:
        return "\n".join([
            "import torch",
            "",
            "import labkit",
            "from labkit import DecoderConfig, measurements",
            "",
            f"config = DecoderConfig.from_dict({fields_of(state.placement, state.depth, state.first_values)!r})",
            "model = config.build(0).eval()",
            "chance = torch.Generator().manual_seed(0)",
            f"documents = list(torch.randint(config.vocab, ({DOCUMENTS}, {LENGTH}), generator=chance))",
            "variance = [one.value for one in measurements.residual_stats(model, documents).variance[1:]]",
            "turns = [one.value for one in labkit.angular_distances(model, documents).adjacent]",
            'norms = labkit.gradient_norms(model, documents).values("stream")',
            "gradients = [norm / norms[-1] for norm in norms]",
            "print(variance, turns, gradients)",
        ])  # fmt: skip


def _verdict(turn: float, plain: float) -> str:
    if abs(turn - plain) <= 0.05 * plain:
        return "So the last block does as much as in plain Pre-LN."
    nearer = turn < plain
    return f"So the last block is {'nearer to' if nearer else 'further from'} doing nothing than in plain Pre-LN."
