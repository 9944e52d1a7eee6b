"""The cross-entropy method, by which few-shot adaptation finds the shares of a mixture (section 3.3; `optim_modules`).

Each round draws a population around a mean, keeps the incumbent in it, scores all, and moves mean and spread to the
elites: the best fifth. Random shooting scores as many uniform draws without learning from them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from labkit.base.errors import BadInput

__all__ = ["Found", "cross_entropy", "random_shooting"]

# What an objective returns for one point: the score, and what tells ties apart. Larger is better.
Score = tuple[float, float]


@dataclass(frozen=True)
class Round:
    """One population [P, D] with its scores, and which members were elite (none under random shooting)."""

    population: tuple[tuple[float, ...], ...]
    scores: tuple[Score, ...]
    elites: tuple[int, ...]


@dataclass(frozen=True)
class Found:
    """The best point found, its score, and all rounds on the way; `evaluations` counts the objective's calls."""

    best: tuple[float, ...]
    score: Score
    rounds: tuple[Round, ...]

    @property
    def evaluations(self) -> int:
        return sum(len(one.scores) for one in self.rounds)


def cross_entropy(
    objective: Callable[[Tensor], Score],
    dimensions: int,
    *,
    rounds: int = 20,
    population: int = 32,
    elite_share: float = 0.2,
    seed: int = 0,
    smoothing: float = 0.0,
    start: float | None = None,
) -> Found:
    """Return the best point of [0, 1]^D that the cross-entropy method finds, from μ = `start` and a spread of 0.5.

    smoothing: the share of the old mean and spread that is kept (0 as in the released script). start: 1/D if not given.
    """
    _check(dimensions, rounds, population, elite_share)
    generator = torch.Generator().manual_seed(seed)
    mean = torch.full((dimensions,), 1 / dimensions if start is None else start)
    spread = torch.full((dimensions,), 0.5)
    best, best_score, made = mean.clone(), (-torch.inf, -torch.inf), []
    for _ in range(rounds):
        drawn_PD = (mean + spread * torch.randn(population, dimensions, generator=generator)).clamp(0, 1)
        drawn_PD[0] = best  # the incumbent is scored again: it may have been lucky where the objective draws
        scores = [objective(point) for point in drawn_PD]
        order = sorted(range(population), key=lambda row: scores[row], reverse=True)
        elites = sorted(range(population), key=lambda row: scores[row][0], reverse=True)[
            : int(elite_share * population)
        ]
        best, best_score = drawn_PD[order[0]].clone(), scores[order[0]]
        new_mean, new_spread = drawn_PD[elites].mean(0), drawn_PD[elites].std(0)
        mean = smoothing * mean + (1 - smoothing) * new_mean
        spread = smoothing * spread + (1 - smoothing) * new_spread
        made.append(Round(tuple(map(tuple, drawn_PD.tolist())), tuple(scores), tuple(elites)))
    return Found(tuple(best.tolist()), best_score, tuple(made))


def random_shooting(
    objective: Callable[[Tensor], Score], dimensions: int, *, rounds: int = 20, population: int = 32, seed: int = 0
) -> Found:
    """Return the best of as many uniform draws from [0, 1]^D."""
    _check(dimensions, rounds, population, 1.0)
    generator = torch.Generator().manual_seed(seed)
    made = []
    for _ in range(rounds):
        drawn_PD = torch.rand(population, dimensions, generator=generator)
        made.append(Round(tuple(map(tuple, drawn_PD.tolist())), tuple(map(objective, drawn_PD)), ()))
    score, best = max((score, point) for one in made for score, point in zip(one.scores, one.population))
    return Found(best, score, tuple(made))


def _check(dimensions: int, rounds: int, population: int, elite_share: float) -> None:
    if min(dimensions, rounds) < 1 or int(elite_share * population) < 2:
        raise BadInput(
            f"{population} members, {elite_share:.0%} of them elite, {rounds} rounds in {dimensions} dimensions.",
            expected="at least one dimension, one round and two elites",
        )
