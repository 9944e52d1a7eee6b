"""How coarse can it be? Round a matrix to a few levels, with its outlier clipped, kept, both or neither."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from labkit.base.errors import BadInput
from labkit.panels.controls import Choice, Control, Slider
from labkit.panels.panel import Panel
from labkit.panels.tables import Table

from ..experiments.quantiser import OUTLIER, QuantiserData, QuantiserState

if TYPE_CHECKING:
    from labkit.interventions import Quantise

from ..experiments.quantiser import shown

__all__ = ["QuantiserPanel"]

CLIP = 4.0  # standard deviations of |w| above its mean
BINS = 60


class QuantiserPanel(Panel):
    """Round a model's matrices, among them that of `outlier` (an address of one number), and read texts with them.

    `group` is what is rounded: "mlp.down" for that matrix of every layer, "matrices" for all, or one address.
    """

    question = "How coarse can a matrix be, and what does one weight cost?"
    State = QuantiserState
    size = (8.6, 3.6)

    def __init__(self, model: Any, outlier: str, texts: Sequence[str], *, group: str = "mlp.down", **options: Any):
        self.outlier, self.texts, self.group = outlier, tuple(texts), group
        self.matrix = outlier.split("[")[0].strip()
        if self.matrix == outlier.strip() or not self.texts:
            raise BadInput(
                f"{outlier!r} with {len(self.texts)} texts is nothing to quantise.",
                expected="the address of one number, such as layers.1.mlp.down[12, 7], and at least one text",
            )
        super().__init__(model, **options)

    def make_controls(self) -> Sequence[Control]:
        blocks: Mapping[str, int] = {"the whole matrix": 0, "4,096 numbers": 4096, "512 numbers": 512, "64 numbers": 64}
        return (
            Slider("bits", 2, 8, 1, label="Bits", help="a number then has one of 2^bits values"),
            Choice("block", blocks, label="One range for", help="numbers that share a least and a largest level"),
            Choice("outlier", OUTLIER, label="The chosen weight", help=f"clipping is at {CLIP:g} standard deviations"),
        )

    def compute(self, state: QuantiserState) -> QuantiserData:
        import torch

        from labkit.anatomy import view
        from labkit.interventions import edit
        from labkit.measurements import loss

        matrix, outlier = view(self.model, self.matrix), view(self.model, self.outlier)
        documents = [self.model.encode(text) for text in self.texts]
        before, value, intact = matrix.read().cpu(), float(outlier.read()), loss(self.model, documents).value
        after, value_after, losses = before, value, {}
        for way in OUTLIER.values():
            with edit(self.model, self._edit(state, way)):
                losses[way] = loss(self.model, documents).value
                if way == state.outlier:
                    after, value_after = matrix.read().cpu(), float(outlier.read())
        low, high = (
            float(end) for end in torch.quantile(before.flatten().double(), torch.tensor([0.01, 0.99]).double())
        )
        room = 0.35 * (high - low)
        counts, edges = torch.histogram(before.flatten(), BINS, range=(low - room, high + room))
        error = float((after - before).double().square().mean().sqrt())
        return QuantiserData(
            self.matrix, state.bits, state.block, state.outlier,
            tuple(edges.tolist()), tuple(int(count) for count in counts),
            self._levels(before, after, state), low, high, value, value_after, error, intact, losses,
        )  # fmt: skip

    def _edit(self, state: QuantiserState, way: str) -> Quantise:
        from labkit.interventions import Quantise

        clip = CLIP if way in ("clip", "both") else None
        keep = (self.outlier,) if way in ("keep", "both") else ()
        return Quantise(self.group, state.bits, block=state.block or None, clip=clip, keep=keep)

    def _levels(self, before: Any, after: Any, state: QuantiserState) -> tuple[float, ...]:
        """Return the different values in the block that holds the outlier."""
        from labkit.anatomy import Address

        row, column = Address.parse(self.outlier).index
        size = state.block or after.numel()
        start = (row * after.shape[1] + column) // size * size
        block = after.flatten()[start : start + size]
        return tuple(sorted(set(block.tolist())))

    def presets(self) -> Sequence[QuantiserState]:
        return [QuantiserState(4, 0, "nothing"), QuantiserState(4, 0, "keep"), QuantiserState(4, 0, "both")]

    def restored(self, state: QuantiserState) -> QuantiserState:
        return QuantiserState(8, 64, "keep")

    def code(self, state: QuantiserState) -> str:
        return code_of(self.model_name, repr(self._edit(state, state.outlier)), self.texts)

    def draw(self, data: Any, figure: Any) -> None:
        from ..figures.quantiser import paint

        paint(data, figure)

    def sentence(self, data: Any) -> str:
        return sentence_of(data)

    def table(self, data: Any) -> Table:
        return table_of(data)


def sentence_of(data: QuantiserData) -> str:
    """Return what the picture shows, in words."""
    range_ = f"one range for {data.block:,} numbers" if data.block else "one range for the whole matrix"
    serve = (
        f"{data.bits} bits, {range_}: of {len(data.levels)} values in the weight's block of {data.address} "
        f"{data.ordinary} lie where 98 of 100 of its numbers are."
    )
    moved = f"The chosen weight was {data.value:.3f} and is now {data.value_after:.3f}."
    loss = f"Surprise at the texts, nats a token: {data.intact:.3f} before, {data.losses[data.outlier]:.3f} now."
    best = min(data.losses, key=data.losses.__getitem__)
    other = "" if best == data.outlier else f" Least it would be with “{shown(best)}”: {data.losses[best]:.3f}."
    return f"{serve} {moved} {loss}{other}"


def table_of(data: QuantiserData) -> Table:
    """Return the loss by what is done about the outlier."""
    rows = [("as trained", data.intact, 0.0)]
    rows += [(shown(way), loss, loss - data.intact) for way, loss in data.losses.items()]
    return Table(f"Nats a token at {data.bits} bits", ("the chosen weight", "loss", "rise"), rows)


def code_of(name: str, edit: str, texts: Sequence[str]) -> str:
    """Return the lines that read the texts with the matrix rounded."""
    lines = [
        "import labkit",
        "",
        f"model = labkit.load({name!r})",
        f"texts = {list(texts)!r}",
        f"rounded = labkit.{edit}",
        "swept = labkit.sweep(model, [rounded], [model.encode(text) for text in texts])",
        "loss = swept[rounded].measured.value",
        "print(loss, swept[rounded].change)",
    ]
    return "\n".join(lines)
