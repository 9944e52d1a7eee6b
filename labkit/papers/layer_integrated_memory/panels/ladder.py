"""Where do baseline and LIMe part? Stored runs by task and length of training, a dot a seed. Lesson: 09, section 2."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from labkit.figures.style import axes, inches, label_axes
from labkit.panels.controls import Choice, Control
from labkit.panels.panel import Panel
from labkit.panels.tables import Table

from ..experiments.ladder import NAMES, Ladder, LearningCurves, Rung, ladder, learning_curves
from ..figures import LOOKS, dots
from ..training import TESTED

if TYPE_CHECKING:
    from matplotlib.figure import FigureBase

__all__ = ["LadderData", "LadderPanel", "LadderState"]

MEASURES = {"share solved": "solved", "loss, nats a token": "loss"}
PRESETS = (Rung(operands=3), Rung(), Rung(steps=2400), Rung(operands=5, steps=2400))
SIDE = 3.4  # inches for the chosen rung's end


@dataclass(frozen=True)
class LadderState:
    """Which rung ("operands, steps, width, depth") and which measure."""

    rung: str = "4, 1200, 16, 4"
    measure: str = "solved"


@dataclass(frozen=True)
class LadderData:
    """The curves of one rung and its ends: arm -> seed -> (loss, share solved)."""

    rung: Rung
    measure: str
    curves: LearningCurves
    ends: Mapping[str, Mapping[int, tuple[float, float]]]
    lead: Any

    def values(self, arm: str) -> list[float]:
        """Return the chosen measure at the end, seed by seed."""
        place = 1 if self.measure == "solved" else 0
        return [pair[place] for pair in self.ends[arm].values()]


class LadderPanel(Panel):
    """Read the stored runs: how the two kinds of model learn a task, and what came out, every seed shown."""

    question = "Where do the two part?"
    State = LadderState
    size = (8.6, 3.4)

    def __init__(self, **options: Any):
        self.ladder: Ladder = ladder()
        super().__init__(None, **options)

    def make_controls(self) -> Sequence[Control]:
        rungs = {str(rung): _code(rung) for rung in self.ladder.rungs}
        return (
            Choice("rung", rungs, label="Task", help="digits in an expression, steps of training, size of the models"),
            Choice("measure", MEASURES, label="Show"),
        )

    def compute(self, state: LadderState) -> LadderData:
        rung = Rung(*map(int, state.rung.split(", ")))
        curves = learning_curves(rung=rung)
        return LadderData(rung, state.measure, curves, self.ladder.rungs[rung], self.ladder.lead(rung))

    def presets(self) -> Sequence[LadderState]:
        # On paper those the lesson speaks of; the others are dots of its ladder.
        return [LadderState(_code(rung)) for rung in self.ladder.rungs if rung in PRESETS]

    def draw(self, data: LadderData, figure: FigureBase) -> None:
        paint(data, figure)

    def sentence(self, data: LadderData) -> str:
        told = "; ".join(f"{NAMES[arm]} {_listed(data.values(arm), data.measure)}" for arm in data.ends)
        lead = (
            f"LIMe's lead is {100 * data.lead.value:.0f} points [{100 * data.lead.low:.0f}, {100 * data.lead.high:.0f}]"
        )
        what = f"{data.rung}, {TESTED:,} unseen expressions"
        return f"{what}, seed by seed: {told}. {lead} over {data.lead.n} pairs."

    def table(self, data: LadderData) -> Table:
        rows = [
            (NAMES[arm], seed, loss, solved)
            for arm, by_seed in data.ends.items()
            for seed, (loss, solved) in by_seed.items()
        ]
        caption = f"{data.rung}: loss over the working (nats a token), share solved"
        return Table(caption, ("arm", "seed", "loss", "solved"), rows)

    def code(self, state: LadderState) -> str:
        lines = [
            "import labkit",
            "",
            f"curves = labkit.learning_curves(rung=({state.rung}))",
            f"ends = labkit.ladder().rungs[{state.rung}]",
            "print(curves)",
            "print(ends)",
        ]
        return "\n".join(lines)


def _code(rung: Rung) -> str:
    return ", ".join(map(str, tuple(rung)))


def _listed(values: Sequence[float], measure: str) -> str:
    return ", ".join(f"{value:.0%}" if measure == "solved" else f"{value:.3f}" for value in values)


def paint(data: LadderData, figure: FigureBase) -> None:
    """Draw the curves of training left and the ends right, one dot a seed."""
    width, _ = inches(figure)
    left, right = figure.subfigures(1, 2, width_ratios=(width - SIDE, SIDE))
    what = data.curves.shares if data.measure == "solved" else data.curves.losses
    label = next(name for name, kept in MEASURES.items() if kept == data.measure)
    (ax,) = axes(left, str(data.rung), left=0.95, right=0.2)
    for arm, by_seed in what.items():
        for values in by_seed.values():
            ax.plot(data.curves.steps, values, LOOKS[arm].line, color=LOOKS[arm].colour, linewidth=1.2)
    (ends,) = axes(right, "At the end", left=0.75, right=0.2)
    for place, arm in enumerate(data.ends):
        dots(ends, place, data.values(arm), arm)
    ends.set_xticks(range(len(data.ends)), [NAMES[arm] for arm in data.ends])
    ends.set_xlim(-0.6, len(data.ends) - 0.4)
    top = 1.03 if data.measure == "solved" else 2.5
    for one in (ax, ends):
        one.set_ylim(-0.03 * top, top)
    label_axes(ax, x="steps", y=label)
