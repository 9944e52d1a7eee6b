"""The noise lab: what one of five noises does to tokens, to patches, and to how often the right ending is found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from labkit.figures.style import INK, MARKS, SIZES, axes, bars, label_axes, legend, row_names, text_width, whiskers
from labkit.panels.controls import Choice, Control, Text
from labkit.panels.panel import Panel
from labkit.panels.tables import Table

from ..task import NOISES, drawn, noised

if TYPE_CHECKING:
    from matplotlib.figure import FigureBase

    from labkit.measurements.estimate import Estimate

__all__ = ["NoiseData", "NoisePanel", "NoiseState"]

KINDS = ("intact", *NOISES)
PLACES = ("prompt", "completion", "both")
ARMS = {"entropy": "BLT", "bpe": "BPE"}


@dataclass(frozen=True)
class NoiseState:
    """A sentence, what is done to it, and which part of a question has it done in the bars."""

    text: str = "Uma took the ferry to Lull."
    noise: str = "RandomCase"
    place: str = "prompt"


@dataclass(frozen=True)
class NoiseData:
    """A sentence after a noise, as tokens and as patches, and the accuracy of both arms over seeds."""

    text: str
    noise: str
    place: str
    pieces: dict[str, tuple[list[str], list[str]]]
    accuracy: dict[str, tuple[Estimate, Estimate]]


class NoisePanel(Panel):
    """Choose a noise: bytes change one by one, tokens shatter; the bars are five trained models of each kind."""

    question = "What does noise do to bytes, and what to tokens?"
    State = NoiseState
    size = (8.6, 3.4)
    usual = "blt/entropy"
    nothing: ClassVar = {"noise": "intact"}

    def make_controls(self) -> Sequence[Control]:
        return (
            Text("text", label="Sentence", limit=40, wanted="a short sentence", rows=1),
            Choice("noise", KINDS, label="Noise"),
            Choice("place", PLACES, label="In the", help="which part of the questions is noised"),
        )

    def compute(self, state: NoiseState) -> NoiseData:
        from labkit import world

        from ..experiments.cutting import cut, patchers
        from ..experiments.noise import accuracy_over_seeds

        after = state.text if state.noise == "intact" else noised(state.text, state.noise)
        tokenizer, rule = world.tokenizer(), {"entropy": patchers()["entropy threshold"]}
        pieces = {
            "BPE tokens": tuple(tokenizer.pieces(tokenizer.encode(text)) for text in (state.text, after)),
            "BLT patches": tuple(cut(text, rule).parts("entropy") for text in (state.text, after)),
        }
        accuracy = {name: accuracy_over_seeds(arm, state.noise, state.place) for arm, name in ARMS.items()}
        return NoiseData(after, state.noise, state.place, pieces, accuracy)

    def presets(self) -> Sequence[NoiseState]:
        return [NoiseState(noise=noise) for noise in ("RandomCase", "Drop")]

    def draw(self, data: NoiseData, figure: FigureBase) -> None:
        top, bottom = figure.subfigures(2, 1, height_ratios=(0.8, 1.2))
        (ax,) = axes(top, f"What is read: {_plain(drawn(data.text))}", left=0.15, right=0.15, bottom=0.05)
        ax.set_axis_off()
        ax.set_ylim(len(data.pieces) - 0.5, -0.6)
        for row, (name, (before, after)) in enumerate(data.pieces.items()):
            shown = "|".join(_shown(piece) for piece in after)
            line = f"{name}: {len(before)} → {len(after)}    {_plain(_short(shown))}"
            ax.text(0, row, line, fontsize=SIZES["tick"], color=INK, va="center", family="DejaVu Sans Mono")
        names = list(data.accuracy)
        title = f"Endings found by five models of each kind ({data.noise}, {data.place})"
        (below,) = axes(bottom, title, left=0.3 + max(map(text_width, names)), right=1.35, bottom=0.5)
        for order, (label, mark) in enumerate((("intact", "intact"), ("noised", "cut"))):
            found = [pair[order] for pair in data.accuracy.values()]
            places = [row + (order - 0.5) * 0.36 for row in range(len(names))]
            bars(below, places, [one.value for one in found], MARKS[mark], 0.33, across=True, label=label)
            whiskers(below, places, [one.low for one in found], [one.high for one in found], across=True)
        below.axvline(0.25, color=INK, linewidth=1, linestyle=":")
        row_names(below, names)
        below.set_ylim(len(names) - 0.4, -0.6)
        below.set_xlim(0, 1)
        label_axes(below, x="share of questions; the dotted line is guessing")
        legend(below)

    def sentence(self, data: NoiseData) -> str:
        counts = ", ".join(f"{len(before)} → {len(after)} {name}" for name, (before, after) in data.pieces.items())
        bars_told = "; ".join(
            f"{name} {before.value:.0%} intact, {after.value:.0%} noised"
            for name, (before, after) in data.accuracy.items()
        )
        return f"“{data.text}”: {counts}. Endings found ({data.noise} in {data.place}): {bars_told}."

    def table(self, data: NoiseData) -> Table:
        rows = [(name, before.value, after.value) for name, (before, after) in data.accuracy.items()]
        return Table("Share of endings found, mean of five seeds", ("", "intact", data.noise), rows)

    def code(self, state: NoiseState) -> str:
        lines = [
            "from labkit.papers.byte_latent_transformer import accuracy_over_seeds, noised",
            "",
            f"print({state.text!r})" if state.noise == "intact" else f"print(noised({state.text!r}, {state.noise!r}))",
            'for arm in ("entropy", "bpe"):',
            f"    print(arm, *accuracy_over_seeds(arm, {state.noise!r}, {state.place!r}))",
        ]
        return "\n".join(lines)


def _shown(piece: str) -> str:
    """Return a piece for a picture; signs that stand for bytes stay."""
    return "".join(sign if sign in "·▯�␣⏎" else drawn(sign).replace(" ", "␣") for sign in piece)


def _plain(text: str) -> str:
    """Return a text whose dollar signs do not begin a formula."""
    return text.replace("$", r"\$")


def _short(text: str, most: int = 74) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"
