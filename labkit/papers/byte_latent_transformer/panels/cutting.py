"""Your own text, cut where the next byte is hard to foresee: a threshold, three rules, and what it costs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from labkit.figures.drawing import draw
from labkit.panels.controls import Choice, Control, Slider, Text
from labkit.panels.panel import Panel
from labkit.panels.tables import Table

if TYPE_CHECKING:
    from matplotlib.figure import FigureBase

    from ..experiments.cutting import Cuts

__all__ = ["CutData", "CutState", "CutTextPanel"]

READY = {
    "a morning": "The lantern was with Uma. Uma took the ferry.",
    "one sentence three times": "Odile keeps eggs. Odile keeps eggs. Odile keeps eggs.",
    "another language": "Die Laterne war bei Uma. Où est le phare?",
    "shouting": "THE LANTERN WAS WITH UMA.",
}
FURTHER = " A · is a further byte of the letter before it, a ▯ a letter that is not drawn."
RULES = {"H above the threshold": "above", "H rises by more than it": "rise"}


@dataclass(frozen=True)
class CutState:
    """A text, a threshold in nats, and whether H itself or its rise is compared with it."""

    text: str = READY["a morning"]
    threshold: float = 0.75
    rule: str = "above"


@dataclass(frozen=True)
class CutData:
    """The text cut at the spaces and by the rule, and what a byte costs with patches of that size."""

    cuts: Cuts
    rule: str
    cost: float
    at_45: float


class CutTextPanel(Panel):
    """Move the threshold and see where patches start, how long they are, and what a byte costs."""

    question = "Where does the entropy model cut your text?"
    State = CutState
    size = (8.6, 2.9)
    usual = "blt/entropy"

    def make_controls(self) -> Sequence[Control]:
        return (
            Text("text", label="Text", ready=READY, limit=70, wanted="a sentence", rows=2),
            Slider("threshold", 0.0, 5.0, 0.25, label="Threshold", help="nats; 0 cuts nearly everywhere"),
            Choice("rule", RULES, label="Cut where", help="the paper's global and monotonic rules"),
        )

    def compute(self, state: CutState) -> CutData:
        from ..experiments.cutting import cut
        from ..method.accounting import cost
        from ..method.entropy import ByteEntropies
        from ..method.model import BLTConfig
        from ..method.patching import Entropy, Space

        rule = Entropy(ByteEntropies(self.model.model), **{state.rule: state.threshold})
        cuts = cut(state.text, {"spaces": Space(), "entropy": rule}, threshold_at=state.threshold, rule=state.rule)
        size, config = cuts.size("entropy"), BLTConfig()
        return CutData(cuts, state.rule, cost(config, min(size, 240), 240).total, cost(config, 4.5, 240).total)

    def presets(self) -> Sequence[CutState]:
        return [CutState(), CutState(threshold=2.0), CutState(READY["shouting"])]

    def draw(self, data: CutData, figure: FigureBase) -> None:
        draw(data.cuts, figure)

    def sentence(self, data: CutData) -> str:
        size, ratio = data.cuts.size("entropy"), data.cost / data.at_45
        what = "above" if data.rule == "above" else "rising by more than"
        pieces = " | ".join(data.cuts.parts("entropy"))  # with spaces, so that the line can wrap
        return (
            f"Cut where H is {what} {data.cuts.threshold:g} nats: {pieces} "
            f"({size:.1f} bytes a patch; a byte costs {ratio:.2f} of what it costs at 4.5)."
            f"{'' if data.cuts.text.isascii() else FURTHER}"
        )

    def table(self, data: CutData) -> Table:
        cuts = data.cuts
        rows = [
            (place, sign, h, "|" if space else "", "|" if mine else "")
            for place, (sign, h, space, mine) in enumerate(
                zip(cuts.signs, cuts.entropies, cuts.starts["spaces"], cuts.starts["entropy"])
            )
        ]
        return Table(
            "Entropy in nats before each byte, and who starts a patch", ("", "byte", "H", "spaces", "entropy"), rows
        )

    def code(self, state: CutState) -> str:
        lines = [
            "import labkit",
            "from labkit.papers.byte_latent_transformer import ByteEntropies, Entropy, patches",
            "",
            f"entropies = ByteEntropies(labkit.load({self.model_name or 'blt/entropy'!r}).model)",
            f"print(patches({state.text!r}, Entropy(entropies, {state.rule}={state.threshold})))",
        ]
        return "\n".join(lines)
