"""The weight panel: one number of a model multiplied by a factor, beside others of its tensor. Lesson: 01."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from random import Random
from typing import Any

from labkit.base.errors import BadInput
from labkit.panels.controls import Control, Slider, Text
from labkit.panels.panel import Panel

from .data import Null, WeightData, WeightState
from .words import code_of

__all__ = ["WeightPanel"]

LARGEST, DRAWN = 4, 4  # nulls of each kind beside the chosen weight
LOW, HIGH, STEP = -1.0, 3.0, 0.25


class WeightPanel(Panel):
    """Multiply one weight by a factor from -1 to 3 and see what the model makes of a text.

    `weights` names addresses worth trying; any other address of a single number may be typed. `texts` are ready texts
    by title. Eight other weights of the same tensor are put through the same operation: the four largest by magnitude
    and four drawn at random, always the same ones.
    """

    question = "What does one number carry?"
    State = WeightState
    size = (8.6, 3.9)
    home = __package__

    def __init__(self, model: Any, weights: Mapping[str, str], texts: Mapping[str, str], **options: Any):
        if not weights or not texts:
            raise BadInput("This panel was given no weight or no text.", expected="at least one of each, by title")
        self.weights, self.texts = dict(weights), dict(texts)
        first = WeightState(next(iter(self.texts.values())), next(iter(self.weights.values())))
        options["start"] = options.get("start") or first
        super().__init__(model, **options)

    def make_controls(self) -> Sequence[Control]:
        return (
            Text("weight", ready=self.weights, label="Weight", help="such as layers.1.mlp.down[12, 7]", rows=1),
            Slider("factor", LOW, HIGH, STEP, label="times", help="0 removes it, 1 leaves it as it is"),
            Text("text", ready=self.texts, label="Text", help="leave the box to have it read", limit=4000, rows=4),
        )

    def compute(self, state: WeightState) -> WeightData:
        from labkit.interventions import ScaleWeight, edit

        from .patients import patient_for

        handle = self.model
        chosen, *others = self._addresses(state.weight)
        patient = patient_for(handle, state.text)
        changes = patient.changes([ScaleWeight(address, state.factor) for address, _ in (chosen, *others)])
        intact = patient.look()
        with edit(handle, ScaleWeight(chosen[0], state.factor)):
            cut = patient.look()
        nulls = [Null(address, value, change) for (address, value), change in zip(others, changes[1:])]
        return WeightData(
            *chosen, state.factor, changes[0], patient.unit, tuple(nulls[:LARGEST]), tuple(nulls[LARGEST:]),
            patient.reads, patient.labels, intact, cut, patient.unseen,
        )  # fmt: skip

    def _addresses(self, text: str) -> list[tuple[str, float]]:
        """Return the chosen weight and its nulls, each with its value; raise where no single number is named."""
        from labkit.anatomy import view

        place = view(self.model, text)
        if place.read().numel() != 1:
            raise BadInput(
                f"{text} names {place.read().numel():,} numbers.",
                expected="one number, such as layers.1.mlp.down[12, 7]",
                do="write its place in brackets, row first",
            )
        name = text.split("[")[0].strip()
        whole = view(self.model, name).read()
        chosen = int(_flat(text, whole.shape))
        values = whole.flatten()
        largest = [i for i in values.abs().topk(LARGEST + 1).indices.tolist() if i != chosen][:LARGEST]
        draw, drawn = Random(f"{name}/{chosen}"), []
        while len(drawn) < min(DRAWN, values.numel() - 1):
            i = draw.randrange(values.numel())
            if i != chosen and i not in drawn:
                drawn.append(i)
        return [(_address(name, i, whole.shape), float(values[i])) for i in (chosen, *largest, *drawn)]

    def presets(self) -> Sequence[WeightState]:
        some = list(self.weights.values())[:3]
        return [WeightState(self.start.text, weight, 0.0) for weight in some]

    def restored(self, state: WeightState) -> WeightState:
        return WeightState(state.text, state.weight, 1.0)

    def code(self, state: WeightState) -> str:
        return code_of(self.model_name, state, hasattr(self.model, "embed"))


def _flat(address: str, shape: Sequence[int]) -> int:
    from labkit.anatomy import Address

    place = 0
    for index, side in zip(Address.parse(address).index, shape):
        place = place * side + int(index) % side
    return place


def _address(name: str, place: int, shape: Sequence[int]) -> str:
    index: list[int] = []
    for side in reversed(shape):
        place, at = divmod(place, side)
        index.append(at)
    return f"{name}[{', '.join(map(str, reversed(index)))}]"
