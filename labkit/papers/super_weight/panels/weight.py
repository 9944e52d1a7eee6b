"""What does one number carry? Scale any weight of a decoder or of a sentence encoder, with others beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from labkit.base.errors import BadInput
from labkit.panels.controls import Control, Slider, Text
from labkit.panels.intact import Intact
from labkit.panels.panel import Panel
from labkit.panels.tables import Table

from ..experiments.weight import KINDS, Null, WeightData, WeightState, small

if TYPE_CHECKING:
    from labkit.zoo import ModelLike

__all__ = ["WeightPanel"]

_NOTHING = 1e-3  # nats a token, or 1 - cosine
# The kinds of nulls, as the reader sees them.
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

    def __init__(self, model: ModelLike, weights: Mapping[str, str], texts: Mapping[str, str], **options: Any):
        if not weights or not texts:
            raise BadInput("This panel was given no weight or no text.", expected="at least one of each, by title")
        self.weights, self.texts = dict(weights), dict(texts)
        self._intact = Intact()
        first = WeightState(next(iter(self.texts.values())), next(iter(self.weights.values())))
        options["start"] = options.get("start") or first
        super().__init__(model, **options)

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
        patient = self._intact.of(self.model, lambda known: readout_for(self.model, state.text, known), state.text)
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

    def restored(self, state: WeightState) -> WeightState:
        return WeightState(state.text, state.weight, 1.0)

    def code(self, state: WeightState) -> str:
        return code_of(self.model_name, state, hasattr(self.model, "embed"))

    def draw(self, data: Any, figure: Any) -> None:
        from ..figures.weight import paint

        paint(data, figure)

    def sentence(self, data: Any) -> str:
        return sentence_of(data)

    def table(self, data: Any) -> Table:
        return table_of(data)


def sentence_of(data: WeightData) -> str:
    """Return what the picture shows, in words."""
    most = data.most
    if data.factor == 1:
        says = f"Nothing is changed: {data.address} is as trained, {data.value:.4g}."
    else:
        says = (
            f"{data.address} times {data.factor:g} (it is {data.value:.4g}) moves the model by {small(data.change)} "
            f"({data.unit}, on this text alone). Of {len(data.nulls)} others of the same {_home(data.address)} none "
            f"moves it by more than {small(most.change)}."
        )
        if data.change < _NOTHING:
            says += " That is next to nothing."
        elif data.change > 10 * most.change:
            says += " No other weight here comes near it."
        elif data.change <= most.change:
            says += " So it is nothing special."
    best, now = (max(range(len(side)), key=side.__getitem__) for side in (data.intact, data.cut))
    was, then = f"“{data.labels[best]}” ({data.intact[best]:.2f})", f"“{data.labels[now]}” ({data.cut[now]:.2f})"
    reading = f"By {data.reads}, first of {len(data.labels)} was {was}; now it is {then}."
    shown = ", ".join(f"“{word}”" for word in data.unseen[:5])
    return " ".join(part for part in (says, reading, f"Words it has never seen: {shown}." if shown else "") if part)


def table_of(data: WeightData) -> Table:
    """Return every weight with its value and what changed."""
    rows = [("chosen", data.address, f"{data.value:.4g}", f"{data.change:.3g}")]
    rows += [(KINDS[null.kind], null.address, f"{null.value:.4g}", f"{null.change:.3g}") for null in data.nulls]
    return Table(f"Change ({data.unit}) by {data.factor:g} times one weight", ("", "weight", "value", "change"), rows)


def code_of(name: str, state: WeightState, encoder: bool) -> str:
    """Return the lines that measure the change by the chosen weight."""
    head = [
        "import labkit",
        "",
        f"model = labkit.load({name!r})",
        f"text = {state.text!r}",
        f"scaled = labkit.ScaleWeight({state.weight!r}, {state.factor!r})",
        "",
    ]
    if encoder:
        body = [
            "before = model.embed([text])[0]",
            "with labkit.edit(model, scaled):",
            "    after = model.embed([text])[0]",
            "change = 1 - float(before @ after)  # both have length 1",
        ]
    else:
        body = [
            "change = abs(labkit.sweep(model, [scaled], [model.encode(text)])[scaled].change.value)  # nats a token"
        ]
    return "\n".join([*head, *body, "print(change)"])


def _home(address: str) -> str:
    name = address.split("[")[0]
    return "norm" if "norm" in name else "bias" if name.endswith(".bias") else "matrix"
