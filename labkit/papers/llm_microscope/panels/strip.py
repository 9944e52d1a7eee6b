"""Strip the text: take a class of tokens out, or as many others, and ask who has the lantern. Lesson: 10.

Answers are stored in data/sweeps/10_strip.json (`labkit sweep strip`); Run asks the model itself, on fewer questions.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from labkit.panels.controls import Choice, Control
from labkit.panels.panel import Panel
from labkit.panels.stored import estimate_of, load_measured
from labkit.panels.tables import Table

if TYPE_CHECKING:
    from matplotlib.figure import FigureBase

    from ..experiments.removal import Stripped

__all__ = ["StripPanel", "StripState"]

NAME = "10_strip"
RULES = ("articles", "punctuation", "stop words", "stop words and punctuation")
TEXTS = {"long documents, with distractors": 8, "plain stories": 0}
LIVE, SEED = 24, 7


@dataclass(frozen=True)
class StripState:
    """What is taken out, and of which texts: at most so many sentences about other people stand in each."""

    rule: str = "punctuation"
    distractors: int = 8


class StripPanel(Panel):
    """Take a class of tokens out of the text, and as many others, and see which questions are still answered."""

    question = "What does a missing comma cost, and what do as many other missing words?"
    State = StripState
    size = (8.6, 2.5)
    usual = "lab/deep"

    def make_controls(self) -> Sequence[Control]:
        return (
            Choice("rule", RULES, label="Take out", help="the question itself is never stripped"),
            Choice("distractors", TEXTS, label="Of", help="distractors are sentences about other people"),
        )

    def steps(self, state: StripState) -> Generator[float, None, Stripped]:
        from dataclasses import replace

        from ..experiments.removal import strip_text
        from ..task.passages import story_passages

        passages = story_passages(LIVE, SEED, distractors=state.distractors)
        names, found = conditions_of(state.rule), None
        for number, name in enumerate(names):
            one = strip_text(self.model, passages, (name,), seed=SEED)
            if found is not None:
                one = replace(one, accuracy=found.accuracy | one.accuracy, removed=found.removed | one.removed)
            found = one
            yield (number + 1) / len(names)
        return found

    def stored(self, state: StripState) -> Stripped | None:
        from ..experiments.removal import Stripped

        known = _kept(self.model_name)
        rows = {name: known.get(f"{state.distractors} {name}") for name in conditions_of(state.rule)}
        if not all(rows.values()):
            return None
        about = {"over": "questions", "unit": "share", "null": 0.25}
        return Stripped(
            model=self.model_name,
            accuracy={name: estimate_of(row[:4], name=name, **about) for name, row in rows.items()},
            removed={name: row[4] for name, row in rows.items()},
        )

    def presets(self) -> Sequence[StripState]:
        return [StripState(rule) for rule in RULES]

    def draw(self, data: Stripped, figure: FigureBase) -> None:
        from ..figures.removal import paint_stripped

        paint_stripped(data, figure)

    def sentence(self, data: Stripped) -> str:
        intact, rule, random, content = data.accuracy.values()
        names = list(data.accuracy)
        return (
            f"Of {intact.n} questions {data.model} answers right: {intact.value:.2f} intact, {rule.value:.2f} without "
            f"{names[1]} ({data.removed[names[1]]:.0f} tokens), {random.value:.2f} without as many random tokens, "
            f"{content.value:.2f} without as many content words ({data.removed[names[3]]:.0f}). A guess: {data.chance}."
        )

    def table(self, data: Stripped) -> Table:
        rows = [(name, data.removed[name], one.value, one.low, one.high) for name, one in data.accuracy.items()]
        return Table("Share of questions answered right", ("taken out", "tokens", "accuracy", "low", "high"), rows)

    def code(self, state: StripState) -> str:
        return (
            "import labkit\n"
            "import labkit.papers.llm_microscope as microscope\n\n"
            f"model = labkit.load({self.model_name!r})\n"
            f"passages = microscope.story_passages({LIVE}, {SEED}, distractors={state.distractors})\n"
            f"print(microscope.strip_text(model, passages, {conditions_of(state.rule)!r}, seed={SEED}).table())"
        )


def conditions_of(rule: str) -> tuple[str, ...]:
    """Return what the panel compares: intact, the rule, as many random tokens, as many content words."""
    return ("intact", rule, f"random tokens as many as {rule}", f"content words as many as {rule}")


@cache
def _kept(model: str) -> dict[str, list]:
    return load_measured(model, NAME) or {}
