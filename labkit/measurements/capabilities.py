"""What a model can do, asked in four ways: a loss that hardly moves may hide a skill that is gone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

from labkit import world
from labkit.base.errors import BadInput
from labkit.base.results import Result

from .choices import ChoiceAccuracy, choice_accuracy
from .estimate import Estimate
from .language import difference
from .tables import text_table

if TYPE_CHECKING:
    from labkit.zoo import ModelLike

__all__ = ["Probes", "probes"]

_MAKERS: dict[str, Callable[..., list]] = {
    "lantern": world.questions,
    "facts": world.facts_questions,
    "recall": world.recall_questions,
    "copying": world.copying_questions,
}


@dataclass(frozen=True, kw_only=True)
class Probes(Result):
    """Share of questions answered right, each with its interval and its chance level.

    lantern: who has it at the end of a day. facts: about residents, in unseen words. recall: who keeps what, from the
    list in the prompt. copying: how a repeated list goes on.
    """

    lantern: ChoiceAccuracy
    facts: ChoiceAccuracy
    recall: ChoiceAccuracy
    copying: ChoiceAccuracy

    def __iter__(self) -> Any:
        """Yield (name, accuracy)."""
        return ((item.name, getattr(self, item.name)) for item in fields(self))

    def against(self, intact: Probes) -> dict[str, Estimate]:
        """Return the change of each share, paired question by question (null 0)."""
        return {name: difference(one, getattr(intact, name)) for name, one in self}

    def table(self) -> str:
        """Return one line per probe."""
        rows = [
            [name, f"{one.value:.3f}", f"{one.low:.3f} to {one.high:.3f}", f"{one.null:.2f}", str(one.n)]
            for name, one in self
        ]
        return text_table(["probe", "right", f"{self.lantern.level:.0%} interval", "chance", "questions"], rows)


def probes(model: ModelLike, n: int = 100, *, seed: int = 0, split: str = "test") -> Probes:
    """Return the four probes of a handle that reads the world, `n` questions each, drawn from `seed` and `split`."""
    if not getattr(model, "ours", False):
        raise BadInput(f"{model!r} does not read the world's pieces.", expected="a handle of one of the lab models")
    if isinstance(n, bool) or not isinstance(n, int) or n < 1:
        raise BadInput(f"n = {n!r} questions.", expected="a whole number of at least 1")
    return Probes(**{name: choice_accuracy(model, make(n, seed, split)) for name, make in _MAKERS.items()})
