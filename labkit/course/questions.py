"""A prediction as data: question, options, and what decides the answer; kept out of the notebook that asks it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from labkit.base.errors import BadInput

__all__ = ["Prediction", "lowest"]


@dataclass(frozen=True, kw_only=True)
class Prediction:
    """A question that a reader can answer wrongly before anything runs.

    answer: the right option's place; or a function of what the notebook found that returns it, or the places of all
    that tie; or None, when the notebook measures it. because: one or two sentences, said with the result.
    """

    id: str
    question: str
    options: tuple[str, ...]
    answer: int | Callable[[Any], int | tuple[int, ...]] | None = None
    because: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "options", tuple(self.options))
        if isinstance(self.answer, int) and not 0 <= self.answer < len(self.options):
            raise BadInput(
                f"Prediction {self.id} has its answer at {self.answer}.", expected=f"0 to {len(self.options) - 1}"
            )

    def decide(self, found: Any = None) -> tuple[int, ...]:
        """Return the places of the right options: one, or several that tie.

        Raises `BadInput` when the answer hangs on what was found and nothing was given.
        """
        if isinstance(self.answer, int):
            return (self.answer,)
        if found is None or self.answer is None:
            raise BadInput(
                f"What decides prediction {self.id} was not given.",
                expected=f'lesson.result("{self.id}", found=…) with what the cells above measured',
            )
        places = self.answer(found)
        return (places,) if isinstance(places, int) else tuple(places)


def lowest(estimates: Iterable[Any]) -> tuple[int, ...]:
    """Return the place of the least estimate and those of all whose intervals reach down to its own: they tie."""
    found = list(estimates)
    least = min(found, key=lambda one: one.value)
    return tuple(place for place, one in enumerate(found) if one.low <= least.high)
