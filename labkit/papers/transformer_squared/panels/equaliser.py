"""The spectral equaliser: a band of the singular values multiplied by a factor. Lesson: 07."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from matplotlib.figure import FigureBase

from labkit.panels.controls import Choice, Control, Slider
from labkit.panels.panel import Panel
from labkit.panels.tables import Table

from ..experiments.equalising import BANDS, SHOWN, TASKS, EqualiserData, EqualiserState, equalise
from ..experiments.grading import grade
from ..figures.equaliser import paint_equaliser

__all__ = ["EqualiserPanel"]

WHERE = {"all 21 matrices": "all", "the MLPs": "mlp", "the attentions": "attention"}
QUESTIONS = 40  # of each task


class EqualiserPanel(Panel):
    """Multiply a band of the singular values by 0 to 2 and see what the model still answers.

    To answer at once the panel asks forty questions of each task: a share moves by what another forty would say.
    """

    question = "Which singular values carry the skill?"
    State = EqualiserState
    size = (8.6, 3.6)
    usual = "lab/skills"
    nothing: ClassVar = {"factor": 1.0}

    def first(self) -> EqualiserState:
        return EqualiserState(factor=0.0)  # it opens on a cut

    def make_controls(self) -> Sequence[Control]:
        return (
            Choice("band", tuple(BANDS), label="Singular values", help="counted from the largest"),
            Slider("factor", 0.0, 2.0, 0.25, label="times", help="0 removes them, 1 leaves them as they are"),
            Choice("where", WHERE | {SHOWN: SHOWN}, label="of"),
        )

    def compute(self, state: EqualiserState) -> EqualiserData:
        intact = self.intact.of(self.model, lambda _: grade(self.model, TASKS, QUESTIONS))
        return equalise(self.model, state, intact)

    def presets(self) -> Sequence[EqualiserState]:
        return [
            EqualiserState("the top 5 %", 0.0),
            EqualiserState("the bottom half", 0.0),
            EqualiserState("the bottom half", 2.0),
        ]

    def draw(self, data: EqualiserData, figure: FigureBase) -> None:
        paint_equaliser(data, figure, QUESTIONS)

    def sentence(self, data: EqualiserData) -> str:
        state = data.state
        told = ", ".join(f"{task} {data.intact[task]:.0%} → {data.cut[task]:.0%}" for task in TASKS)
        where = next((words for words, kept in WHERE.items() if kept == state.where), state.where)
        asked, before, now = data.example["sum"]
        if state.factor == 1:
            return f"Nothing is changed. Right answers: {told}. “{asked}” is answered “{before}”."
        band = "all singular values" if state.band == "all of them" else state.band
        answered = f"still answered “{now}”" if now == before else f"answered “{now}”, before “{before}”"
        return (
            f"{band[0].upper()}{band[1:]} of {where} times {state.factor:g}. Right answers: {told}. "
            f"“{asked}” is {answered}."
        )

    def table(self, data: EqualiserData) -> Table:
        rows = [(task, data.intact[task], data.cut[task], *data.example[task]) for task in TASKS]
        caption = f"Share of {QUESTIONS} questions answered rightly, and one of them"
        return Table(caption, ("task", "intact", "now", "question", "answer before", "answer now"), rows)

    def code(self, state: EqualiserState) -> str:
        low, high = BANDS[state.band]
        return "\n".join(
            [
                "import labkit",
                "from labkit.papers.transformer_squared.experiments import band_edits, grade",
                "",
                f"model = labkit.load({self.model_name!r})",
                f"edits = band_edits(model, {low}, {high}, {state.factor}, {state.where!r})",
                "with labkit.edit(model, *edits):",
                f"    now = grade(model, {TASKS!r}, {QUESTIONS})",
                "print(now)",
            ]
        )
