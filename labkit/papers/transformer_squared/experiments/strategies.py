"""The three strategies on trial: unseen tasks answered by the base, by A, B and C, with what each was told and cost."""

from __future__ import annotations

import copy
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from labkit.anatomy import module_of
from labkit.base.results import Result
from labkit.interventions import edit

from ..method.bank import Expert, mix
from ..method.dispatch import NO_LABEL, classify, few_shot_objective, two_pass
from ..method.search import cross_entropy, random_shooting
from ..task import DOMAINS, LABELS, UNSEEN, questions
from .grading import TEST_SEED, Grades, grade

if TYPE_CHECKING:
    from labkit.zoo import ModelLike

__all__ = ["FewShots", "LabelTable", "Strategies", "few_shots", "label_table", "strategies"]

SAID = (*LABELS, NO_LABEL)  # what a first pass can say


@dataclass(frozen=True)
class LabelTable(Result):
    """Which label a model gives to the questions of each task: shares, one row per task."""

    rows: dict[str, dict[str, float]]

    def right(self, tasks: Mapping[str, str]) -> float:
        """Return the mean share of right labels over `tasks`, a mapping from domain to task."""
        return sum(self.rows[task][domain] for domain, task in tasks.items()) / len(tasks)

    def table(self) -> str:
        """Return the confusion matrix."""
        head = "questions " + " ".join(f"{label:>8}" for label in SAID)
        return "\n".join(
            [head, *(f"{t:9} " + " ".join(f"{row[one]:8.0%}" for one in SAID) for t, row in self.rows.items())]
        )


def label_table(
    model: ModelLike, classifier: Expert | None = None, tasks: Sequence[str] = tuple(DOMAINS.values()), n: int = 500
) -> LabelTable:
    """Return the labels of the first pass for questions of some tasks, from the base or with the classifier."""
    rows = {}
    with edit(model, *(classifier.edits() if classifier else ())):
        for task in tasks:
            given = classify(model, questions(task, n, TEST_SEED, "test").prompts_BP)
            rows[task] = {label: given.count(label) / n for label in SAID}
    return LabelTable(rows)


@dataclass(frozen=True)
class FewShots:
    """Strategy C on one task: shares by expert, score on the shots, grades on the test, cost."""

    task: str
    shares: dict[str, float]
    on_shots: float
    evaluations: int
    seconds: float
    grades: Grades


def few_shots(
    model: ModelLike,
    bank: Mapping[str, Expert],
    task: str,
    *,
    shots: int = 10,
    rounds: int = 10,
    population: int = 32,
    method: str = "cross-entropy",
    n: int = 500,
    seed: int = 0,
) -> FewShots:
    """Return what a search for the shares of `bank` finds on some validation questions of a task, graded on its test.

    method: "cross-entropy" or "random", with equal numbers of evaluations. The paper draws its shots from the test.
    """
    started = time.perf_counter()
    experts = list(bank.values())
    asked = questions(task, shots, 1000 + seed, "validation")
    objective = few_shot_objective(copy.deepcopy(module_of(model)), experts, asked)
    search = cross_entropy if method == "cross-entropy" else random_shooting
    found = search(objective, len(experts), rounds=rounds, population=population, seed=seed)
    seconds = time.perf_counter() - started
    with edit(model, *mix(experts, found.best).edits()):
        grades = grade(model, (task,), n)
    shares = dict(zip(bank, found.best))
    return FewShots(task, shares, found.score[0], found.evaluations, seconds, grades)


@dataclass(frozen=True)
class Strategies(Result):
    """Shares of right answers by strategy and task, the labels of both first passes, and seconds of both passes."""

    right: dict[str, dict[str, tuple[bool, ...]]]
    labels: dict[str, LabelTable]
    shares: dict[str, dict[str, float]]
    seconds: dict[str, dict[str, tuple[float, float]]]

    @property
    def tasks(self) -> tuple[str, ...]:
        """The tasks that were tried."""
        return tuple(next(iter(self.right.values())))

    def accuracy(self, strategy: str, task: str) -> float:
        """Return the share of right answers."""
        right = self.right[strategy][task]
        return sum(right) / len(right)

    def mean(self, strategy: str) -> float:
        """Return the mean over tasks."""
        return sum(self.accuracy(strategy, task) for task in self.right[strategy]) / len(self.right[strategy])

    def table(self) -> str:
        """Return one line per strategy."""
        tasks = next(iter(self.right.values()))
        head = f"{'':12}" + " ".join(f"{task:>7}" for task in (*tasks, "mean"))
        lines = [
            f"{name:12}" + " ".join(f"{x:7.1%}" for x in (*(self.accuracy(name, t) for t in tasks), self.mean(name)))
            for name in self.right
        ]
        return "\n".join([head, *lines])


@torch.no_grad()
def strategies(
    model: ModelLike,
    bank: Mapping[str, Expert],
    classifier: Expert,
    *,
    tasks: Sequence[str] = tuple(UNSEEN.values()),
    shots: int = 10,
    rounds: int = 10,
    n: int = 500,
    seed: int = 0,
) -> Strategies:
    """Return the base, each expert alone, and strategies A, B and C on the same questions of some tasks."""
    right: dict[str, dict[str, tuple[bool, ...]]] = {"base": dict(grade(model, tasks, n).right)}
    for name, expert in bank.items():
        with edit(model, *expert.edits()):
            right[f"z {name}"] = dict(grade(model, tasks, n).right)
    seconds: dict[str, dict[str, tuple[float, float]]] = {}
    labels: dict[str, LabelTable] = {}
    for name, used in (("A prompt", None), ("B classifier", classifier)):
        made = {task: two_pass(model, bank, questions(task, n, TEST_SEED, "test"), used) for task in tasks}
        right[name] = {task: one.right for task, one in made.items()}
        labels[name] = LabelTable({task: {label: one.share(label) for label in SAID} for task, one in made.items()})
        seconds[name] = {task: one.seconds for task, one in made.items()}
    found = {task: few_shots(model, bank, task, shots=shots, rounds=rounds, n=n, seed=seed) for task in tasks}
    right["C few-shot"] = {task: one.grades.right[task] for task, one in found.items()}
    return Strategies(right, labels, {task: one.shares for task, one in found.items()}, seconds)
