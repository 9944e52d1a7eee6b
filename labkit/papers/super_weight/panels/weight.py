"""What does one number carry? Scale any weight of a decoder or of a sentence encoder, with others beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from labkit.base.errors import BadInput
from labkit.panels.controls import Control, Slider, Text
from labkit.panels.panel import Panel
from labkit.panels.tables import Table

from ..experiments.weight import KINDS, Null, WeightData, WeightState

if TYPE_CHECKING:
    from labkit.zoo import ModelLike

__all__ = ["WeightPanel"]

OF_A_KIND = 2  # nulls beside the chosen weight
LOW, HIGH, STEP = -1.0, 3.0, 0.25


class WeightPanel(Panel):
    """Multiply one weight by a factor from -1 to 3 and see what the model makes of a text.

    `weights` names addresses worth trying; any other address of a single number may be typed. `texts` are ready texts
    by title. Other weights of the same tensor are put through the same operation: two of the largest, two of those
    nearest in size and two drawn at random, always the same ones.
    """

    question = "What does one number carry?"
    State = WeightState
    size = (8.6, 3.9)
    nothing: ClassVar = {"factor": 1.0}

    def __init__(self, model: ModelLike, weights: Mapping[str, str], texts: Mapping[str, str], **options: Any):
        if not weights or not texts:
            raise BadInput("This panel was given no weight or no text.", expected="at least one of each, by title")
        self.weights, self.texts = dict(weights), dict(texts)
        super().__init__(model, **options)

    def first(self) -> WeightState:
        return WeightState(next(iter(self.texts.values())), next(iter(self.weights.values())))

    def make_controls(self) -> Sequence[Control]:
        return (
            Text(
                "weight",
                ready=self.weights,
                label="Weight",
                help="such as layers.1.mlp.down[12, 7]",
                rows=1,
                wanted="an address such as layers.1.mlp.down[12, 7]",
            ),
            Slider("factor", LOW, HIGH, STEP, label="times", help="0 removes it, 1 leaves it as it is"),
            Text("text", ready=self.texts, label="Text", help="leave the box to have it read", limit=4000, rows=4),
        )

    def compute(self, state: WeightState) -> WeightData:
        from labkit.interventions import Plan, ScaleWeight, edit

        from ..experiments.readouts import readout_for

        value = self._value(state.weight)
        patient = self.intact.of(self.model, lambda known: readout_for(self.model, state.text, known), state.text)
        with edit(self.model, ScaleWeight(state.weight, state.factor)):
            change, cut = patient.look()
        nulls = [
            Null(kind, address, self._value(address), patient.moved(Plan([ScaleWeight(address, state.factor)])))
            for kind, address in self._nulls(state.weight)
        ]
        return WeightData(
            state.weight, value, state.factor, change, patient.unit, tuple(nulls),
            patient.reads, patient.labels, patient.intact, cut, patient.unseen,
        )  # fmt: skip

    def _value(self, address: str) -> float:
        """Return the number at an address; raise where no single number is named."""
        from labkit.anatomy import view

        values = view(self.model, address).read()
        if values.numel() != 1:
            raise BadInput(
                f"{address} names {values.numel():,} numbers.",
                expected="one number, such as layers.1.mlp.down[12, 7]",
                do="write its place in brackets, row first",
            )
        return float(values)

    def _nulls(self, address: str) -> list[tuple[str, str]]:
        """Return some others of the same tensor, two of each kind, none twice."""
        from ..method.ablation import NULLS, matched_nulls

        chosen: dict[str, str] = {}
        for kind in NULLS:
            found = matched_nulls(self.model, address, OF_A_KIND * len(NULLS), kind)
            free = [other for other in found if other not in chosen]
            chosen.update(dict.fromkeys(free[:OF_A_KIND], kind))
        return [(kind, other) for other, kind in chosen.items()]

    def presets(self) -> Sequence[WeightState]:
        some = list(self.weights.values())[:3]
        return [WeightState(self.start.text, weight, 0.0) for weight in some]

    def code(self, state: WeightState) -> str:
        if hasattr(self.model, "embed"):  # an encoder of sentences
            body = [
                "before = model.embed([text])[0]",
                "with labkit.edit(model, scaled):",
                "    after = model.embed([text])[0]",
                "change = 1 - float(before @ after)  # both have length 1",
            ]
        else:
            swept = "labkit.sweep(model, [scaled], [model.encode(text)])[scaled].change.value"
            body = [f"change = abs({swept})  # nats a token"]
        scaled = f"scaled = labkit.ScaleWeight({state.weight!r}, {state.factor!r})"
        return self.script(f"text = {state.text!r}", scaled, "", *body, "print(change)")

    def table(self, data: WeightData) -> Table:
        rows = [("chosen", data.address, f"{data.value:.4g}", f"{data.change:.3g}")]
        rows += [(KINDS[null.kind], null.address, f"{null.value:.4g}", f"{null.change:.3g}") for null in data.nulls]
        return Table(
            f"Change ({data.unit}) by {data.factor:g} times one weight", ("", "weight", "value", "change"), rows
        )
