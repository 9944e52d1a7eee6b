"""Which parameter tokens answer to your sentence. Lesson: 03, section 3."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from labkit.figures.style import MARKS, SIZES, SOFT, axes, bars, inches, label_axes, row_names
from labkit.panels.controls import Choice, Control, Text
from labkit.panels.panel import Panel
from labkit.panels.tables import Table

if TYPE_CHECKING:
    from matplotlib.figure import FigureBase

    from labkit.zoo import ModelLike

    from ..experiments.firing import TokenFiring

__all__ = ["FirePanel", "FireState"]

READY = {
    "the ferry": "Juno took the ferry to Thrift with the lantern.",
    "who has it": "Who has the lantern? The lantern is with Juno, on Thrift.",
    "the weather": "In the evening a storm came in. Night fell.",
}
LAYERS = tuple(f"layers.{block}.{part}" for block in (0, 1) for part in ("q", "k", "v", "o", "mlp"))
PIECES = 16  # of a text are drawn
TOP = 4.0  # of the colours: amounts beyond it look alike


@dataclass(frozen=True)
class FireState:
    """The text that is read, and the layer that is looked at."""

    text: str = READY["the ferry"]
    layer: str = "layers.1.mlp"


class FirePanel(Panel):
    """Show how much every parameter token of a layer gives to every word of a text.

    `old`: tokens of q, k, v and o that were there before growth.
    """

    question = "Which parameter tokens answer to which word?"
    State = FireState
    size = (8.6, 4.2)

    def __init__(self, model: ModelLike | str = "tokenformer/grown", *, old: int = 36, **options: Any):
        self.old = old
        super().__init__(model, **options)

    def make_controls(self) -> Sequence[Control]:
        return (
            Text("text", ready=READY, label="Text", help="words of the islands", limit=300, wanted="a sentence"),
            Choice("layer", LAYERS, label="Layer", help="q, k, v, o of attention, or the MLP, of block 0 or 1"),
        )

    def compute(self, state: FireState) -> TokenFiring:
        from ..experiments.firing import token_firing

        old = self.old * (4 if state.layer.endswith("mlp") else 1)
        return token_firing(self.model, state.text, state.layer, old=old)

    def presets(self) -> Sequence[FireState]:
        return [FireState(), FireState(layer="layers.0.v"), FireState(READY["who has it"], "layers.0.mlp")]

    def draw(self, data: TokenFiring, figure: FigureBase) -> None:
        pieces = data.pieces[:PIECES]
        width, _ = inches(figure)
        note = {"fontsize": SIZES["note"], "color": SOFT}
        left, right = figure.subfigures(1, 2, width_ratios=(width - 2.4, 2.4))
        (ax,) = axes(left, f"What each token of {data.layer} gives", left=1.05, right=0.2)
        shown = np.array(data.amounts)[:PIECES]
        ax.imshow(shown, aspect="auto", cmap="Blues", vmin=0, vmax=TOP, interpolation="nearest")
        if data.old < data.tokens:
            ax.axvline(data.old - 0.5, color=MARKS["cut"].colour, linewidth=2)
            for place, word in ((data.old / 2, "old"), ((data.old + data.tokens) / 2, "new")):
                ax.annotate(word, (place, -0.6), **note, ha="center", va="bottom", annotation_clip=False)
        row_names(ax, pieces)
        label_axes(ax, x=f"parameter token, 0 to {data.tokens - 1}; dark: {TOP:g} or more")
        (bar,) = axes(right, "Tokens at work", left=0.15, right=0.45)
        places = list(range(len(pieces)))
        bars(bar, places, data.effective[:PIECES], MARKS["intact"], 0.7, across=True)
        for place, count in zip(places, data.effective):
            bar.annotate(f"{count:.0f}", (count, place), xytext=(3, 0), textcoords="offset points", va="center", **note)
        bar.set_ylim(len(pieces) - 0.5, -0.5)
        bar.set_xlim(0, 0.12 * data.tokens + 10)
        bar.set_yticks([])
        label_axes(bar, x=f"tokens, of {data.tokens}")

    def sentence(self, data: TokenFiring) -> str:
        mean = sum(data.effective) / len(data.effective)
        best = data.top(len(data.pieces) - 1, 1)[0]
        readers = ", ".join(f"“{piece}”" for piece in data.readers(best))  # a comma may be among them
        new = "" if data.old == data.tokens else f" New tokens give {data.new_share:.0%} of all squared amounts."
        return (
            f"In {data.layer}, {mean:.0f} of {data.tokens} tokens share the work for an average word. The strongest "
            f"for the last word is token {best}, which answers most to {readers}.{new}"
        )

    def table(self, data: TokenFiring) -> Table:
        rows = [
            (piece, ", ".join(map(str, data.top(place))), data.effective[place])
            for place, piece in enumerate(data.pieces)
        ]
        return Table("Strongest tokens for each word", ("word", "tokens", "share the work"), rows)

    def code(self, state: FireState) -> str:
        old = self.old * (4 if state.layer.endswith("mlp") else 1)
        return self.script(
            f"print(token_firing(model, {state.text!r}, {state.layer!r}, old={old}).table())",
            needs=("from labkit.papers.tokenformer import token_firing",),
        )
