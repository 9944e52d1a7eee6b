"""Where is an address? Any weight of a model on the picture of the residual stream, with what it reads and writes."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import TYPE_CHECKING, Any

from labkit.base.errors import BadInput
from labkit.base.numbers import number
from labkit.panels.controls import Choice, Control, Slider
from labkit.panels.panel import Panel
from labkit.panels.tables import Table

from ..experiments.place import PIECES, ROLES, PlaceData, PlaceState

if TYPE_CHECKING:
    from matplotlib.figure import FigureBase

    from labkit.figures import StreamMap
    from labkit.zoo import ModelLike

__all__ = ["AddressMap"]

_TABLES = ("embed", "positions")  # rows are looked up, not multiplied
ROW, COLUMN = 12, 7  # which row and column "one row" and "one column" mean, where there are as many


class AddressMap(Panel):
    """Every weight that has an address, by part, layer and how much of it is meant, on the picture of the stream."""

    question = "Where is it, how large is it, and what does it read and write?"
    State = PlaceState

    def __init__(self, model: ModelLike, **options: Any):
        from labkit.anatomy import anatomy_of
        from labkit.figures import StreamMap, drawing_of

        if isinstance(model, str):
            from labkit.zoo import load

            model = load(model)
        anatomy = anatomy_of(model)
        self.depth, self.sizes = anatomy.depth, {name: anatomy.view(name).shape for name in anatomy.addresses()}
        names = list(self.sizes)
        first = [n for place, n in enumerate(names) if not set(anatomy.tied(n)) & set(names[:place])]
        self.total = sum(prod(self.sizes[name]) for name in first)  # what has two names is counted once
        self.parts = dict.fromkeys(_part(name) for name in self.sizes if not name.endswith(".bias"))
        picture = StreamMap(depth=self.depth)
        self.size = drawing_of(picture).size(picture)
        options["start"] = options.get("start") or PlaceState(part="mlp.down", layer=self.depth - 1)
        super().__init__(model, **options)

    def make_controls(self) -> Sequence[Control]:
        return (
            Choice("part", tuple(self.parts), label="Part", help="what every layer has, and the ends of the model"),
            Slider("layer", 0, max(1, self.depth - 1), 1, label="of layer", help="0 is the layer next to the text"),
            Choice("piece", PIECES, label="How much", help="a row is one output, a column one input"),
        )

    def compute(self, state: PlaceState) -> PlaceData:
        from labkit.anatomy import anatomy_of

        if state.layer >= self.depth:
            raise BadInput(f"There is no layer {state.layer}.", expected=f"0 to {self.depth - 1}")
        name = state.part if state.part in self.sizes else f"layers.{state.layer}.{state.part}"
        if name not in self.sizes:
            raise BadInput(f"Layer {state.layer} has no {state.part}.", do="choose another layer")
        shape = self.sizes[name]
        at = _places(shape, state.piece)
        index = ", ".join(":" if place is None else str(place) for place in at)
        address = name if all(place is None for place in at) else f"{name}[{index}]"
        anatomy = anatomy_of(self.model)
        seen = anatomy.view(address)
        numbers = prod(seen.shape)
        beside = [other for other in self.sizes if _home(other) == _home(name)]
        return PlaceData(
            address, state.part, tuple(shape), at, numbers, numbers / self.total, self.depth,
            float(seen.read()) if numbers == 1 else None, tuple(anatomy.tied(name)),
            tuple((other, tuple(self.sizes[other]), prod(self.sizes[other])) for other in beside),
        )  # fmt: skip

    def presets(self) -> Sequence[PlaceState]:
        return (PlaceState("mlp.down", self.depth - 1, "number"),)

    def picture(self, data: PlaceData) -> StreamMap:
        """Return the picture of the stream with the place marked."""
        from labkit.figures import StreamMap

        return StreamMap(depth=self.depth, chosen=data.address, note=note_of(data))

    def draw(self, data: PlaceData, figure: FigureBase) -> None:
        from labkit.figures import draw

        from ..figures.matrix import paint

        draw(self.picture(data), figure)
        paint(data, figure)

    def sentence(self, data: PlaceData) -> str:
        return sentence_of(data)

    def table(self, data: PlaceData) -> Table:
        return table_of(data)

    def code(self, state: PlaceState) -> str:
        return code_of(getattr(self.model, "name", "lab/tiny"), self.compute(state).address)


def _part(name: str) -> str:
    return name.split(".", 2)[2] if name.startswith("layers.") else name


def _home(name: str) -> str:
    return name.split(".")[1] if name.startswith("layers.") else ""


def _places(shape: Sequence[int], piece: str) -> tuple[int | None, ...]:
    """Return the row and column that a piece means; a vector has entries only."""
    if piece == "all":
        return (None,) * len(shape)
    row = min(ROW, shape[0] - 1)
    if len(shape) == 1:
        return (row,)
    column = min(COLUMN, shape[1] - 1)
    return (row if piece != "column" else None, column if piece != "row" else None)


def sentence_of(data: PlaceData) -> str:
    """Return what the address names, how large it is, and between what it stands."""
    role = ROLES[data.part]
    many = f"{data.numbers:,} numbers" if data.numbers > 1 else "one number"
    if data.value is not None:
        many += f", {number(data.value)}"
    said = [f"{data.address} is {many}: {_what(data)} {role.name}, {_form(data.shape)}."]
    said.append(f"That is {_percent(data.share)} of the model." if data.numbers > 1 else "")
    said.append(f"{role.name[0].upper()}{role.name[1:]} reads {role.reads} and writes {role.writes}.")
    if any(place is not None for place in data.at):
        said.append(_meaning(data))
    if data.shared:
        said.append(f"The same numbers serve as {' and '.join(data.shared)}.")
    return " ".join(part for part in said if part)


def note_of(data: PlaceData) -> str:
    """Return the few words beside the place in the picture."""
    if data.numbers == 1:
        return "one number"
    whole = all(place is None for place in data.at) and len(data.shape) == 2
    return f"{data.shape[0]:,} × {data.shape[1]:,}" if whole else f"{data.numbers:,} numbers"


def table_of(data: PlaceData) -> Table:
    """Return every weight around the place."""
    rows = [(address, _form(shape), f"{numbers:,}") for address, shape, numbers in data.around]
    return Table(
        "Every weight of the same layer, or at the ends of the model", ("address", "out × in", "numbers"), rows
    )


def code_of(name: str, address: str) -> str:
    """Return the lines that look at the place."""
    lines = [
        "import labkit",
        "",
        f"model = labkit.load({name!r})",
        f"seen = labkit.view(model, {address!r})",
        "numbers = seen.read().numel()",
        "print(seen.shape, numbers)",
    ]
    return "\n".join(lines)


def _what(data: PlaceData) -> str:
    if all(place is None for place in data.at):
        return "all of"
    if len(data.shape) == 1 or None not in data.at:
        return "an entry of"
    return "a row of" if data.at[1] is None else "a column of"


def _meaning(data: PlaceData) -> str:
    role, out = ROLES[data.part], data.at[0]
    made = None if out is None else role.out.format(out)
    if len(data.shape) == 1:
        return f"It is the factor on {made}." if "norm" in data.part else f"It belongs to {made}."
    read = None if data.at[1] is None else role.into.format(data.at[1])
    if made and read:
        return f"It stands between {read} and {made}." if data.part not in _TABLES else f"It is {read} of {made}."
    if made:
        return f"A row is one output: {made}."
    return f"A column is one input: {read}." if data.part not in _TABLES else f"A column is {read}, for every row."


def _form(shape: Sequence[int]) -> str:
    if len(shape) == 1:
        return f"a vector of {shape[0]:,}"
    return f"a matrix of {shape[0]:,} × {shape[1]:,} (out × in)"


def _percent(share: float) -> str:
    return f"{number(100 * share, 2)} percent"
