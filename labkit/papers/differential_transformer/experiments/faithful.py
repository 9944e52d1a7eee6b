"""The text or the habit? Each city has a usual number; the text says another. A toy of contextual hallucination.

The paper asks whether summaries and answers keep to the text they are given (table 4); here the text contradicts what
the model has learned by heart, and an answer is the text's, the habit's, or neither. Lesson: 04.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import torch

from labkit.anatomy import module_of

from ..method.smear import answer_logits
from ..task import ANSWERS, CITIES, FILLERS, Batch, usual_numbers

if TYPE_CHECKING:
    from labkit.zoo import ModelLike

__all__ = ["Faithful", "faithfulness", "untold"]

_FIRST_CITY, _FIRST_FILLER = ANSWERS.start - len(CITIES), ANSWERS.stop


@dataclass(frozen=True)
class Faithful:
    """Shares of answers. text, habit: the text's number or the city's usual one, where the two differ.

    untold: the usual one, for cities of which the text says nothing.
    """

    text: float
    habit: float
    untold: float

    def table(self) -> str:
        """Return the three as text."""
        return "\n".join(
            (
                f"told another number: {self.text:.3f} answer it, {self.habit:.3f} the usual one",
                f"told nothing:        {self.untold:.3f} answer the usual one",
            )
        )


def untold(batch: Batch) -> Batch:
    """Return the texts with a filler in place of every needle's city: the numbers stay, and nobody owns them."""
    fillers = torch.arange(batch.cities.shape[1]) % len(FILLERS) + _FIRST_FILLER
    return replace(batch, ids=batch.ids.scatter(1, batch.cities, fillers.expand_as(batch.cities)))


@torch.no_grad()
def faithfulness(model: ModelLike, batch: Batch) -> Faithful:
    """Return whose number `model` answers on `batch`, texts without habits (`Needles(habit=0)`)."""
    usual_BQ = usual_numbers()[batch.ids[:, batch.rows] - _FIRST_CITY]
    differ = usual_BQ != batch.answers
    told, not_told = (
        answer_logits(module_of(model), texts).argmax(-1) + ANSWERS.start for texts in (batch, untold(batch))
    )
    return Faithful(
        float((told == batch.answers)[differ].float().mean()),
        float((told == usual_BQ)[differ].float().mean()),
        float((not_told == usual_BQ).float().mean()),
    )
