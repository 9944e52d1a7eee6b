"""Four searches for the shares of a mixture: one share an expert or one for every matrix, guided or drawn blindly.

Each sees the same shots and tries as many mixtures as the others.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from labkit.anatomy import module_of
from labkit.interventions import edit

from ..method.bank import Expert, mix
from ..method.dispatch import few_shot_objective
from ..method.search import Found, Score, cross_entropy, random_shooting
from ..task import questions
from .grading import grade

if TYPE_CHECKING:
    from labkit.zoo import ModelLike

__all__ = ["WAYS", "Searched", "search_shares"]

# way -> whether every matrix has shares of its own, and whether the draws follow the best ones so far
WAYS = {
    "global, cross-entropy": (False, True),
    "global, random": (False, False),
    "per matrix, cross-entropy": (True, True),
    "per matrix, random": (True, False),
}


@dataclass(frozen=True)
class Searched:
    """The best mixture so far: how many were tried, in how many numbers, and the shares right on shots and on test."""

    evaluations: int
    dimensions: int
    on_shots: float
    right: float


def search_shares(
    model: ModelLike,
    bank: Mapping[str, Expert],
    task: str,
    way: str,
    *,
    shots: int = 10,
    rounds: Sequence[int] = (10, 20),
    population: int = 32,
    n: int = 1000,
    seed: int = 0,
) -> dict[int, Searched]:
    """Return after some numbers of rounds what a way of `WAYS` finds on validation questions, graded on the test.

    A point is α [K], or one such row for every matrix [M K]. The guided search starts around shares of 1/K.
    """
    experts = list(bank.values())
    per_matrix, guided = WAYS[way]
    places = list(experts[0].z)
    dimensions = len(experts) * (len(places) if per_matrix else 1)
    asked = questions(task, shots, 1000 + seed, "validation")
    objective = few_shot_objective(copy.deepcopy(module_of(model)), experts, asked)
    many = {"rounds": max(rounds), "population": population, "seed": seed}
    found = (
        cross_entropy(objective, dimensions, start=1 / len(experts), **many)
        if guided
        else random_shooting(objective, dimensions, **many)
    )
    made = {}
    for count in rounds:
        score, point = best_after(found, count)
        rows_MK = torch.tensor(point).reshape(-1, len(experts)).expand(len(places), -1).tolist()
        with edit(model, *mix(experts, dict(zip(places, rows_MK))).edits()):
            right = grade(model, (task,), n)[task]
        made[count] = Searched(count * population, dimensions, score[0], right)
    return made


def best_after(found: Found, rounds: int) -> tuple[Score, tuple[float, ...]]:
    """Return the best score of a search's first rounds, and the first point that had it."""
    tried = [pair for one in found.rounds[:rounds] for pair in zip(one.scores, one.population)]
    return max(tried, key=lambda pair: pair[0])
