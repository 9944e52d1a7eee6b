"""How coarse can it be? Round a matrix to a few levels, with its outlier clipped, kept, both or neither."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from labkit.base.errors import BadInput
from labkit.panels.controls import Choice, Control, Slider
from labkit.panels.panel import Panel
from labkit.panels.tables import Table

from ..experiments.quantiser import OUTLIER, QuantiserData, QuantiserState, shown

if TYPE_CHECKING:
    from labkit.interventions import Quantise
    from labkit.zoo import ModelLike

__all__ = ["QuantiserPanel"]

CLIPS = (3.0, 4.0, 5.0, 6.0, 9.0, 12.0, 20.0)  # standard deviations of |w| above its mean
BINS = 80


class QuantiserPanel(Panel):
    """Round a model's matrices, among them that of `outlier` (an address of one number), and read texts with them.

    `group` is what is rounded: "mlp.down" for that matrix of every layer, "matrices" for all, or one address; `block`
    how many numbers share a range (None: all of a matrix).
    """

    question = "How coarse can a matrix be, and what does one weight cost?"
    State = QuantiserState
    size = (8.6, 3.6)
    nothing: ClassVar = {"bits": 8, "outlier": "nothing"}

    def __init__(
        self,
        model: ModelLike,
        outlier: str,
        texts: Sequence[str],
        *,
        group: str = "mlp.down",
        block: int | None = None,
        **options: Any,
    ):
        self.outlier, self.texts, self.group, self.block = outlier, tuple(texts), group, block
        self.matrix = outlier.split("[")[0].strip()
        if self.matrix == outlier.strip() or not self.texts:
            raise BadInput(
                f"{outlier!r} with {len(self.texts)} texts is nothing to quantise.",
                expected="the address of one number, such as layers.1.mlp.down[12, 7], and at least one text",
            )
        super().__init__(model, **options)

    def make_controls(self) -> Sequence[Control]:
        clips: Mapping[str, float] = {f"{clip:g} std": clip for clip in CLIPS}
        return (
            Slider("bits", 2, 8, 1, label="Bits", help="a number then has one of 2^bits values"),
            Choice("outlier", OUTLIER, label="The chosen weight", help="kept: put back as it was"),
            Choice("clip", clips, label="Clip at", help="standard deviations; the paper's scripts use 9 to 20"),
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
        least, most = float(before.min()), float(before.max())
        room = 0.03 * (most - least)
        counts, edges = torch.histogram(before.flatten(), BINS, range=(least - room, most + room))
        error = float((after - before).double().square().mean().sqrt())
        return QuantiserData(
            self.matrix, state.bits, state.clip, state.outlier,
            tuple(edges.tolist()), tuple(int(count) for count in counts),
            self._levels(before, after, state), low, high, value, value_after, error, intact, losses,
        )  # fmt: skip

    def _edit(self, state: QuantiserState, way: str) -> Quantise:
        from labkit.interventions import Quantise

        clip = state.clip if way in ("clip", "both") else None
        keep = (self.outlier,) if way in ("keep", "both") else ()
        return Quantise(self.group, state.bits, block=self.block, clip=clip, keep=keep)

    def _levels(self, before: Any, after: Any, state: QuantiserState) -> tuple[float, ...]:
        """Return the different values in the block that holds the outlier."""
        from labkit.anatomy import Address

        row, column = Address.parse(self.outlier).index
        place, size = row * after.shape[1] + column, self.block or after.numel()
        start = place // size * size
        block = after.flatten()[start : start + size].tolist()
        if state.outlier in ("keep", "both"):
            del block[place - start]
        return tuple(sorted(set(block)))

    def presets(self) -> Sequence[QuantiserState]:
        return [QuantiserState(3, 4.0, "nothing"), QuantiserState(3, 4.0, "clip"), QuantiserState(3, 4.0, "both")]

    def code(self, state: QuantiserState) -> str:
        return self.script(
            f"texts = {list(self.texts)!r}",
            f"rounded = labkit.{self._edit(state, state.outlier)!r}",
            "swept = labkit.sweep(model, [rounded], [model.encode(text) for text in texts])",
            "loss = swept[rounded].measured.value",
            "print(loss, swept[rounded].change)",
        )

    def table(self, data: QuantiserData) -> Table:
        rows = [("as trained", data.intact, 0.0)]
        rows += [(shown(way), loss, loss - data.intact) for way, loss in data.losses.items()]
        return Table(f"Nats a token at {data.bits} bits, clipped at {data.clip:g} std", ("way", "loss", "rise"), rows)
