"""How many questions of each task a model answers rightly, question by question."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from labkit.anatomy import module_of
from labkit.base.results import Result
from labkit.measurements import Estimate
from labkit.measurements.estimate import proportion

from ..method.learning import would_answer
from ..task import questions

if TYPE_CHECKING:
    from labkit.zoo import ModelLike

__all__ = ["Grades", "grade"]

TEST_SEED = 11  # of the questions every number of this lesson is measured on, unless it says otherwise


@dataclass(frozen=True)
class Grades(Result):
    """Which questions were answered rightly, by task, by greedy decoding."""

    right: dict[str, tuple[bool, ...]]

    @property
    def tasks(self) -> tuple[str, ...]:
        """The tasks that were graded."""
        return tuple(self.right)

    def __getitem__(self, task: str) -> float:
        return self.share(task).value

    def share(self, task: str) -> Estimate:
        """Return the share of right answers with Wilson's interval over questions."""
        return proportion(self.right[task], "questions", name=f"right answers, {task}", unit="share")

    def table(self) -> str:
        """Return one line per task."""
        width = max(map(len, self.right))
        shares = [self.share(task) for task in self.right]
        return "\n".join(
            f"{task:{width}}  {one.value:5.1%}  ({one.low:.1%} to {one.high:.1%})"
            for task, one in zip(self.right, shares)
        )


def grade(model: ModelLike, tasks: Sequence[str], n: int = 500, seed: int = TEST_SEED, split: str = "test") -> Grades:
    """Return the grades of a model (module or handle, edited or not) on `n` questions of each task."""
    right = {}
    for task in tasks:
        asked = questions(task, n, seed, split)
        right[task] = tuple(would_answer(module_of(model), asked)[0].tolist())
    return Grades(right)
