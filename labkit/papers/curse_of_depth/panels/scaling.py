"""LayerNorm Scaling switched on and off in a model that is already trained. Lesson: 08, section 2."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from labkit import world
from labkit.panels.controls import Choice, Control, Slider
from labkit.panels.panel import ModelOrName, Panel
from labkit.panels.tables import Table

from ..experiments.scaling import ScalingData, ScalingLook
from ..method.positions import POSITIONS

if TYPE_CHECKING:
    from ..method.switching import SwitchLayerNormScaling

__all__ = ["ScalingPanel", "ScalingState"]

SWITCH = {
    "as trained": "trained",
    "scaling on": "on",
    "scaling on, gains × ℓ^p": "kept",
    "scaling off": "off",
}
LENGTH = 96  # tokens of each text: of one length they are read together, and the answer comes at once


@dataclass(frozen=True)
class ScalingState:
    """What is done to the norms: nothing, the factor ℓ^-p put in (with gains that make up for it), or taken out."""

    switch: str = "trained"
    p: float = 0.5
    position: str = "after-norm"


class ScalingPanel(Panel):
    """Switch LayerNorm Scaling on a trained model and see the stream, every block's turn, its cost, and the loss.

    `texts`: what is read, by default the beginnings of two stories that no model was trained on.
    """

    question = "What does LayerNorm Scaling do to a model that is already trained?"
    State = ScalingState
    size = (8.6, 3.5)
    usual = "lab/deep"
    nothing: ClassVar = {"switch": "trained"}

    def __init__(self, model: ModelOrName = None, texts: Sequence[str] = (), **options: Any):
        stories = [] if texts else [one.text for one in world.documents("stories", 2, seed=8, split="test")]
        self.texts = tuple(texts) or tuple(stories)
        super().__init__(model, **options)

    def make_controls(self) -> Sequence[Control]:
        return (
            Choice("switch", SWITCH, label="Norms", help="what is done after every norm, on the model as trained"),
            Slider("p", 0.0, 1.0, 0.25, label="p", help="the factor of block ℓ is ℓ^-p; the paper's p is 0.5"),
            Choice("position", POSITIONS, label="Factor", help="where the factor stands; the paper's is after-norm"),
        )

    def compute(self, state: ScalingState) -> ScalingData:
        from labkit.interventions import edit
        from labkit.measurements import logits

        documents = [self.model.encode(text)[:LENGTH] for text in self.texts]
        with edit(self.model, *self._edits(state)):  # first: a model without such norms is refused here
            now = ScalingLook.at(self.model, documents)
            after = logits(self.model, documents)
        trained, before = self.intact.of(
            self.model, lambda _: (ScalingLook.at(self.model, documents), logits(self.model, documents))
        )
        moved = max(float((a - b).abs().max()) for a, b in zip(after, before))
        blind = math.log(after[0].shape[-1])
        return ScalingData(state.switch, state.p, state.position, trained, now, moved, blind)

    def _edits(self, state: ScalingState) -> list[SwitchLayerNormScaling]:
        from ..method.switching import SwitchLayerNormScaling

        if state.switch == "trained":
            return []
        on = state.switch != "off"
        where = {"p": state.p, "position": state.position} if on else {}
        return [SwitchLayerNormScaling(on=on, compensate=state.switch == "kept", **where)]

    def presets(self) -> Sequence[ScalingState]:
        return [ScalingState(switch) for switch in ("trained", "on", "kept")]

    def table(self, data: ScalingData) -> Table:
        rows = [("loss, nats a token", data.trained.loss, data.now.loss)]
        for name, part in (
            ("variance after block", "variance"),
            ("turn by block", "turns"),
            ("cost of block", "costs"),
        ):
            before, after = (getattr(look, part) for look in (data.trained, data.now))
            skip = len(before) - len(data.trained.turns)  # the embedding
            rows += [(f"{name} {l}", *both) for l, both in enumerate(zip(before[skip:], after[skip:]), start=1)]
        caption = "The stream's variance, turns (angle over π), and what each block costs to lose (nats a token)"
        return Table(caption, ("", "as trained", "now"), rows)

    def code(self, state: ScalingState) -> str:
        edits = [f"labkit.{edit!r}" for edit in self._edits(state)]
        return self.script(
            f"texts = {list(self.texts)!r}",
            f"documents = [model.encode(text)[:{LENGTH}] for text in texts]",
            f"with labkit.edit(model, {', '.join(edits)}):" if edits else "with labkit.edit(model):  # nothing",
            "    curve = labkit.sweeps.pruning_curve(model, documents)",
            "    variance = [one.value for one in measurements.residual_stats(model, documents).variance]",
            "    turns = [one.value for one in labkit.angular_distances(model, documents).adjacent]",
            "loss, costs = curve.base.value, [point.change.value for point in curve.points]",
            "print(loss, costs, variance, turns)",
            needs=("from labkit import measurements",),
        )
