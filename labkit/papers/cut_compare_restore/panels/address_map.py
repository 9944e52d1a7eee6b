"""Where is an address? Any weight of a model on the picture of the residual stream, with what it reads and writes."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import TYPE_CHECKING, Any

from labkit.base.errors import BadInput
from labkit.panels.controls import Choice, Control, Slider
from labkit.panels.panel import Panel
from labkit.panels.tables import Table

from ..experiments.place import PIECES, PlaceData, PlaceState
from ..figures.place_words import describe, form, note_of

if TYPE_CHECKING:
    from matplotlib.figure import FigureBase

    from labkit.figures import StreamMap
    from labkit.zoo import ModelLike

__all__ = ["AddressMap"]

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
        super().__init__(model, **options)

    def first(self) -> PlaceState:
        return PlaceState(part="mlp.down", layer=self.depth - 1)

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
        return describe(data)

    def table(self, data: PlaceData) -> Table:
        rows = [(address, form(shape), f"{numbers:,}") for address, shape, numbers in data.around]
        return Table(
            "Every weight of the same layer, or at the ends of the model", ("address", "out × in", "numbers"), rows
        )

    def code(self, state: PlaceState) -> str:
        return "\n".join([
            "import labkit",
            "",
            f"model = labkit.load({getattr(self.model, 'name', 'lab/tiny')!r})",
            f"seen = labkit.view(model, {self.compute(state).address!r})",
            "numbers = seen.read().numel()",
            "print(seen.shape, numbers)",
        ])  # fmt: skip


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
