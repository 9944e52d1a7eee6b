"""λ by hand: what a trained DIFF Transformer does with its second map, and without its head norm. Lesson: 04."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from labkit.panels.controls import Control, Slider, Toggle
from labkit.panels.panel import Panel
from labkit.panels.tables import Table

if TYPE_CHECKING:
    from matplotlib.figure import FigureBase

    from labkit.zoo import ModelLike

    from ..experiments.surgery import LambdaData

__all__ = ["LambdaPanel", "LambdaState"]

TEXTS, SEED = 40, 4041


@dataclass(frozen=True)
class LambdaState:
    """lam: what λ is set to. norm: whether the head norm is on."""

    lam: float = 0.0
    norm: bool = True


class LambdaPanel(Panel):
    """Set λ in the first layer of a DIFF Transformer, and take its head norm off; forty texts are asked about.

    The slider starts at the λ that was learned, to two digits. Raises `BadInput` for a model without λ.
    """

    question = "What does the second map do?"
    State = LambdaState
    size = (8.6, 3.6)

    def __init__(self, model: ModelLike, **options: Any):
        from labkit.zoo import load

        from ..method.edits import diff_attention

        handle = load(model) if isinstance(model, str) else model
        self.learned = round(diff_attention(handle).lam().item(), 2)
        super().__init__(handle, **options)

    def first(self) -> LambdaState:
        return LambdaState(self.learned)

    def make_controls(self) -> Sequence[Control]:
        reach = max(1.5, abs(self.learned))
        return (
            Slider("lam", label="λ", low=-reach, high=reach, step=0.01,
                   help="what part of the second map is subtracted; below 0 it is added"),
            Toggle("norm", label="head norm", help="the norm of each head; its fixed factor stays"),
        )  # fmt: skip

    def compute(self, state: LambdaState) -> LambdaData:
        from labkit.interventions import edit

        from ..experiments import find_needles
        from ..experiments.surgery import LambdaData, weights_by_place
        from ..method import HeadNormOff, SetLambda
        from ..method.edits import diff_attention

        own = diff_attention(self.model).lam().item()
        edits = [] if state.lam == self.learned else [SetLambda(state.lam)]
        edits += [] if state.norm else [HeadNormOff()]
        before = find_needles(self.model, texts())
        with edit(self.model, *edits):
            now = find_needles(self.model, texts())
            weights = weights_by_place(self.model, texts())
        return LambdaData(
            own if state.lam == self.learned else state.lam,
            own,
            state.norm,
            (before.accuracy.value, now.accuracy.value),
            (before.loss.value, now.loss.value),
            weights,
        )

    def presets(self) -> Sequence[LambdaState]:
        return [LambdaState(self.learned), LambdaState(0.0), LambdaState(0.8), LambdaState(self.learned, norm=False)]

    def restored(self, state: LambdaState) -> LambdaState:
        return LambdaState(self.learned)

    def draw(self, data: LambdaData, figure: FigureBase) -> None:
        from ..figures.surgery import paint_lambda

        paint_lambda(data, figure)

    def sentence(self, data: LambdaData) -> str:
        answer = [row[0] for row in data.weights]
        norm = "" if data.norm else ", without the head norm"
        sign = "added" if data.lam < 0 else "subtracted" if data.lam > 0 else "left out"
        return (
            f"With λ = {data.lam:.2f}{norm} (learned: {data.own:.2f}) the second map is {sign}. The answer has "
            f"weight {answer[0]:.2f} in A1, {answer[1]:.2f} in A2 and {answer[2]:.2f} in use. Right answers: "
            f"{data.right[1]:.2f} now, {data.right[0]:.2f} as trained. Loss: {data.nats[1]:.2f} nats an answer now, "
            f"{data.nats[0]:.2f} as trained."
        ).replace("-", "−")

    def table(self, data: LambdaData) -> Table:
        from ..experiments.allocation import PLACES
        from ..figures.maps import MAPS

        rows = [(place, *(row[number] for row in data.weights)) for number, place in enumerate(PLACES)]
        rows += [("right answers now, as trained", data.right[1], data.right[0], "")]
        rows += [("nats an answer now, as trained", data.nats[1], data.nats[0], "")]
        return Table("Sum of weights by place, mean over heads and questions", ("", *MAPS), rows)

    def code(self, state: LambdaState) -> str:
        edits = [] if state.lam == self.learned else [f"diff.SetLambda({state.lam})"]
        edits += [] if state.norm else ["diff.HeadNormOff()"]
        return self.script(
            f"texts = diff.Needles().draw({TEXTS}, {SEED})",
            f"with labkit.edit(model{''.join(', ' + one for one in edits)}):",
            "    found = diff.find_needles(model, texts)",
            "print(found.table())",
            needs=("from labkit.papers import differential_transformer as diff",),
        )


@lru_cache
def texts() -> Any:
    """Return the panel's texts, always the same."""
    from ..task import Needles

    return Needles().draw(TEXTS, SEED)
