"""Waking a skill: an expert learned by reward, and what is left of it at part strength, shuffled, or in half."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

from labkit.base.results import Result
from labkit.interventions import edit

from ..method.adapters import SVF
from ..method.bank import Expert
from ..method.learning import Learned, Learning, learn
from ..task import DOMAINS
from .grading import Grades, grade

if TYPE_CHECKING:
    from labkit.zoo import ModelLike

__all__ = ["Controls", "Waking", "controls", "controls_by_domain", "strengths", "wake"]


@dataclass(frozen=True)
class Waking(Result):
    """An expert, how it was learned, and the grades before and after."""

    task: str
    expert: Expert
    learned: Learned
    before: Grades
    after: Grades

    @property
    def numbers(self) -> int:
        """How many numbers were learned."""
        return self.expert.count

    def table(self) -> str:
        """Return the grades of every task before and after."""
        lines = [f"{task:8} {self.before[task]:6.1%} {self.after[task]:6.1%}" for task in self.before.right]
        head = f"{self.numbers:,} numbers, {len(self.learned.course)} steps, {self.learned.seconds:.0f} s"
        return "\n".join(
            [head, "task     before  after", *lines, *([self.learned.stopped] if self.learned.stopped else [])]
        )


def wake(
    model: ModelLike,
    task: str,
    *,
    tasks: Sequence[str] = (),
    n: int = 500,
    watch: Callable[[int, float], object] | None = None,
    modules: str = "all",
    **settings: Any,
) -> Waking:
    """Learn an SVF expert for `task` on a model and grade it on that task and on `tasks`; the model stays as it was.

    `settings` are those of `Learning`: objective, lr, steps, kl, …
    """
    graded = tuple(dict.fromkeys((task, *tasks)))
    adapter = SVF(model, modules)
    before = grade(model, graded, n)
    learned = learn(adapter, Learning(task=task, **settings), watch)
    return Waking(task, Expert.from_adapter(task, adapter), learned, before, grade(adapter.loaded(), graded, n))


@dataclass(frozen=True)
class Controls(Result):
    """Grades of a model with an expert and with its controls, by name."""

    grades: dict[str, Grades]

    def table(self) -> str:
        """Return the shares, a line for each variant."""
        tasks = next(iter(self.grades.values())).right
        width = max(map(len, self.grades))
        head = " ".join([" " * width, *(f"{task:>7}" for task in tasks)])
        lines = [" ".join([f"{name:{width}}", *(f"{one[t]:7.1%}" for t in tasks)]) for name, one in self.grades.items()]
        return "\n".join([head, *lines])


def controls(model: ModelLike, expert: Expert, tasks: Sequence[str], n: int = 500, seed: int = 1) -> Controls:
    """Return grades without the expert, with it, and with what is left of z when part of it is taken away.

    Shuffled: its distribution. Flattened: one factor per matrix. Smoothed: its course from large σ to small. Halves:
    z on the larger or the smaller singular values, 1 on the others.
    """
    halves = {name: _half(expert, upper) for name, upper in (("upper half of z", True), ("lower half of z", False))}
    variants = {
        "z": expert,
        "z shuffled": expert.shuffled(seed),
        "z flattened": expert.flattened(),
        "z smoothed": expert.smoothed(),
        **halves,
    }
    made = {"no expert": grade(model, tasks, n)}
    for name, one in variants.items():
        with edit(model, *one.edits()):
            made[name] = grade(model, tasks, n)
    return Controls(made)


def controls_by_domain(model: ModelLike, bank: Mapping[str, Expert], n: int = 500, seed: int = 1) -> Controls:
    """Return the controls of the three domains' experts side by side, each on the task it was trained on."""
    made = [controls(model, bank[domain], (task,), n, seed).grades for domain, task in DOMAINS.items()]
    return Controls({name: Grades({t: r for one in made for t, r in one[name].right.items()}) for name in made[0]})


def strengths(model: ModelLike, expert: Expert, tasks: Sequence[str], at: Sequence[float], n: int = 500) -> Controls:
    """Return grades with 1 + s (z − 1) for every strength s: an expert turned down, and up."""
    made = {}
    for strength in at:
        with edit(model, *expert.edits(strength)):
            made[f"{strength:g}"] = grade(model, tasks, n)
    return Controls(made)


def _half(expert: Expert, upper: bool) -> Expert:
    """Return z on the larger (or smaller) half of the singular values, 1 on the others."""
    z = {}
    for address, z_R in expert.z.items():
        large = torch.arange(len(z_R)) < len(z_R) // 2
        z[address] = torch.where(large if upper else ~large, z_R, torch.ones_like(z_R))
    return Expert(expert.name, z, expert.of)
