"""Where the last word of a text looks, in two models beside each other, with signed or absolute shares. Lesson: 04."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from labkit.base.errors import BadInput
from labkit.panels.controls import Choice, Control, Text
from labkit.panels.panel import Panel
from labkit.panels.tables import Table

if TYPE_CHECKING:
    from matplotlib.figure import FigureBase

    from ..experiments.allocation import Look

__all__ = ["ReadingData", "ReadingPanel", "ReadingState"]

SHOWN = 7  # words with a row of their own
SHARES = ("signed", "absolute")


@dataclass(frozen=True)
class ReadingState:
    """The text, whose last word asks; which model stands beside the first; how a share is taken."""

    text: str = ""
    beside: str = ""
    shares: str = "signed"


@dataclass(frozen=True)
class ReadingData:
    """Both looks at the text, and the words that have a row (places in the text)."""

    names: tuple[str, str]
    looks: tuple[Look, Look]
    shares: str
    rows: tuple[int, ...]

    def of(self, number: int) -> tuple[float, ...]:
        """Return each word's share in one of the two models."""
        return self.looks[number].shares(signed=self.shares == "signed")


class ReadingPanel(Panel):
    """Type a text that ends in a city: both models choose a number for it, and show where they look.

    models: by the name that is shown; the first stays, the others are to choose from. texts: ready ones by title.
    """

    question = "Where does the question look?"
    State = ReadingState
    size = (8.6, 4.4)

    def __init__(self, models: Mapping[str, Any], texts: Mapping[str, str], **options: Any):
        if len(models) < 3 or not texts:
            raise BadInput("This panel was given too little.", expected="at least three models and one text, by name")
        self.models, self.texts = dict(models), dict(texts)
        options["start"] = options.get("start") or ReadingState(next(iter(texts.values())), list(models)[1], SHARES[0])
        super().__init__(next(iter(models.values())), **options)

    def make_controls(self) -> Sequence[Control]:
        return (
            Text(
                "text", ready=self.texts, label="Text", help="words of the task's language; the last one asks", rows=3
            ),
            Choice("beside", tuple(self.models)[1:], label=f"{next(iter(self.models))} beside"),
            Choice("shares", SHARES, label="Shares", help="of weights, or of their sizes"),
        )

    def compute(self, state: ReadingState) -> ReadingData:
        from labkit.zoo import load

        from ..experiments import look_at_text

        other = self.models[state.beside]
        if isinstance(other, str):
            other = self.models[state.beside] = load(other)
        looks = tuple(look_at_text(model, state.text) for model in (self.model, other))
        most = [max(abs(share) for share in pair) for pair in zip(*(one.shares(signed=False) for one in looks))]
        rows = sorted(sorted(range(len(most)), key=most.__getitem__, reverse=True)[:SHOWN])
        return ReadingData((next(iter(self.models)), state.beside), looks, state.shares, tuple(rows))

    def presets(self) -> Sequence[ReadingState]:
        first, last = next(iter(self.texts.values())), list(self.texts.values())[-1]
        beside = list(self.models)[-1]
        return [self.start, ReadingState(first, beside, "signed"), ReadingState(first, beside, "absolute"),
                ReadingState(last, beside, "signed")]  # fmt: skip

    def draw(self, data: ReadingData, figure: FigureBase) -> None:
        from labkit.figures import Bars, draw

        words = data.looks[0].words
        labels = [f"{words[place]} ({place})" for place in data.rows] + ["all other words"]
        groups = {}
        for number, name in enumerate(data.names):
            shares = data.of(number)
            rest = sum(share for place, share in enumerate(shares) if place not in data.rows)
            groups[name] = [*(shares[place] for place in data.rows), rest]
        draw(
            Bars(
                title=f"{data.shares.capitalize()} shares of the words read most", labels=labels, groups=groups,
                x_label=f"{data.shares} share of the attention of “{words[-1]}”, mean over heads",
                sentence=self.sentence(data),
            ),
            figure,
        )  # fmt: skip

    def sentence(self, data: ReadingData) -> str:
        words, said = data.looks[0].words, []
        for number, (name, look) in enumerate(zip(data.names, data.looks)):
            shares = data.of(number)
            most = max(range(len(shares)), key=lambda place: abs(shares[place]))
            below = sum(share < 0 for share in shares)
            said.append(
                f"{name} answers {look.answer} (probability {look.probable[0][1]:.2f}), looks most at “{words[most]}” "
                f"({data.shares} share {shares[most]:.2f}{f'; {below} words have a share below 0' if below else ''})"
            )
        return f"After “{words[-1]}”: {'. '.join(said)}."

    def table(self, data: ReadingData) -> Table:
        words, both = data.looks[0].words, (data.of(0), data.of(1))
        rows = [(f"{word} ({place})", both[0][place], both[1][place]) for place, word in enumerate(words)]
        return Table(f"{data.shares.capitalize()} share of the attention of the last word", ("word", *data.names), rows)

    def code(self, state: ReadingState) -> str:
        names = [self.model_name, getattr(self.models[state.beside], "name", self.models[state.beside])]
        lines = [
            "import labkit",
            "from labkit.papers import differential_transformer as diff",
            "",
            f"text = {state.text!r}",
            f"looks = [diff.look_at_text(labkit.load(name), text) for name in {names!r}]",
            "for look in looks:",
            f"    print(look.answer, look.shares(signed={state.shares == 'signed'}))",
        ]
        return "\n".join(lines)
