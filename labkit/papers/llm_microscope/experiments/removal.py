"""Strip the text: what is still answered when articles, punctuation or stop words are gone, and when others are.

One number a passage: whether its question is answered right, by the most likely of four single-token options.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from labkit.base.errors import BadInput
from labkit.measurements import Estimate, difference, mean_over
from labkit.measurements.tables import text_table

from ..method.answering import right_answers
from ..task.passages import Passage, body_of, conditions, story_passages

if TYPE_CHECKING:
    from labkit.zoo import ModelLike

__all__ = ["Stripped", "store_strip", "strip_text"]

STORED = ("articles", "punctuation", "stop words", "stop words and punctuation")
QUESTIONS, SEED = 60, 8000


@dataclass(frozen=True)
class Stripped:
    """Accuracy under each condition, one value a passage; `removed` is the mean number of tokens taken out."""

    model: str
    accuracy: dict[str, Estimate]
    removed: dict[str, float]
    chance: float = 0.25

    def change(self, condition: str, against: str = "intact") -> Estimate:
        """Return one condition's accuracy minus another's, passage by passage."""
        return difference(self.accuracy[condition], self.accuracy[against])

    def table(self) -> str:
        """Return one row a condition."""
        rows = [
            [name, f"{self.removed[name]:.1f}", f"{one.value:.3f}", f"{one.low:.3f} to {one.high:.3f}"]
            for name, one in self.accuracy.items()
        ]
        title = f"{self.model}: who has the lantern? A guess is right {self.chance:.2f} of the time"
        return text_table(["taken out", "tokens", "accuracy", "interval"], rows, title=title)


def strip_text(model: ModelLike, passages: Sequence[Passage], conditions: Sequence[str], *, seed: int = 0) -> Stripped:
    """Return a model's accuracy on passages under each condition; `seed` draws what the controls take out.

    Raises `BadInput` when there is nothing to ask.
    """
    if not passages or not conditions or not all(one.asks for one in passages):
        raise BadInput("There is no question to ask.", expected="passages with questions, and at least one condition")
    accuracy, removed = {}, {}
    for condition in conditions:
        right = right_answers(model, passages, condition, seed=seed)
        accuracy[condition] = mean_over(right, "questions", name=f"accuracy, {condition}", unit="share", null=0.25)
        left = sum(len(body_of(one, condition, seed * 100_003 + n)) for n, one in enumerate(passages))
        removed[condition] = (sum(len(one.body) for one in passages) - left) / len(passages)
    return Stripped(getattr(model, "name", type(model).__name__), accuracy, removed)


def store_strip(
    say: Callable[[str], None] = print, model: str = "lab/deep", out: Path | None = None, folder: Path | None = None
) -> Path:
    """Measure every rule and its controls on stories and on long documents, and keep the answers for the panel."""
    from labkit.panels.stored import save_measured, summary
    from labkit.zoo import load

    handle, kept = load(model), {}
    for distractors in (0, 8):
        found = strip_text(handle, story_passages(QUESTIONS, SEED, distractors=distractors), conditions(STORED), seed=1)
        say(found.table())
        kept |= {f"{distractors} {name}": [*summary(one), found.removed[name]] for name, one in found.accuracy.items()}
    return save_measured("10_strip", handle, f"{QUESTIONS} questions, seed {SEED}", kept, out)
