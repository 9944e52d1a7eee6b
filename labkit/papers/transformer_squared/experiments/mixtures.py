"""A plane of mixtures: how well every pair of shares of two experts does, and where a search walks on it."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

import torch

from labkit.anatomy import module_of
from labkit.base.data import data_dir
from labkit.base.files import write_atomically
from labkit.interventions import edit
from labkit.zoo import ModelLike, load

from ..method.bank import Expert, shipped_bank
from ..method.dispatch import few_shot_objective
from ..method.search import cross_entropy
from ..task import questions
from .grading import TEST_SEED, grade

__all__ = ["MixerData", "MixerState", "MixtureMap", "mixture_map", "mixture_scores", "stored_maps"]

PAIR = ("math", "text")
STEPS = tuple(round(0.25 * k, 2) for k in range(7))  # shares 0 to 1.5
TARGETS = {
    "sums in other words": ("add",),
    "longer words": ("rev5",),
    "more digits": ("max5",),
    "half sums, half words": ("add", "rev5"),
}


@dataclass(frozen=True)
class MixtureMap:
    """Two experts, a target, its accuracy at every pair of shares, and the populations of one search by rounds.

    right[i][j][t]: share of right answers to task t with `shares[i]` of the first expert and `shares[j]` of the second.
    rounds: population of each round, as (share, share); best: where the search ended.
    """

    experts: tuple[str, str]
    tasks: tuple[str, ...]
    shares: tuple[float, ...]
    right: tuple[tuple[tuple[float, ...], ...], ...]
    rounds: tuple[tuple[tuple[float, float], ...], ...]
    best: tuple[float, float]

    def mean(self, i: int, j: int) -> float:
        """Return the mean over the target's tasks at one pair of shares."""
        return sum(self.right[i][j]) / len(self.tasks)

    def highest(self) -> tuple[float, tuple[float, float]]:
        """Return the best mean on the plane and its shares."""
        places = [(self.mean(i, j), (a, b)) for i, a in enumerate(self.shares) for j, b in enumerate(self.shares)]
        return max(places)


@dataclass(frozen=True)
class MixerState:
    """Which target is asked, and the share of each expert's step away from the base."""

    target: str = "half sums, half words"
    first: float = 0.0
    second: float = 0.0


@dataclass(frozen=True)
class MixerData:
    """Shares of right answers by task at the chosen mixture and without experts; the map, where one is stored."""

    state: MixerState
    base: Mapping[str, float]
    now: Mapping[str, float]
    map: MixtureMap | None


def mixture_scores(
    model: ModelLike, experts: Sequence[Expert], tasks: Sequence[str], shares: Sequence[float], n: int = 200
) -> dict[str, float]:
    """Return the share of right test answers by task with Σ α_k z_k + (1 − Σ α_k) · 1 laid on the model.

    What the shares leave over goes to z = 1, the base: shares of 0 and 0 are the model as it is.
    """
    with edit(model, *toward(experts, shares).edits()):
        found = grade(model, tasks, n)
    return {task: found[task] for task in tasks}


def toward(experts: Sequence[Expert], shares: Sequence[float]) -> Expert:
    """Return 1 + Σ α_k (z_k − 1): each expert's step away from the base, at its share."""
    z = {a: 1 + sum(float(s) * (one.z[a] - 1) for s, one in zip(shares, experts)) for a in experts[0].z}
    return Expert("mixture", z, experts[0].of)


def mixture_map(
    model: ModelLike,
    bank: Mapping[str, Expert],
    pair: tuple[str, str],
    tasks: Sequence[str],
    *,
    n: int = 200,
    rounds: int = 8,
    shots: int = 20,
) -> MixtureMap:
    """Return the plane of two experts' shares for a target, and one cross-entropy search on `shots` questions."""
    experts, plain = [bank[name] for name in pair], _ones(bank[pair[0]])
    right = tuple(tuple(tuple(mixture_scores(model, experts, tasks, (a, b), n).values()) for b in STEPS) for a in STEPS)
    twin = copy.deepcopy(module_of(model))
    each = [questions(task, shots // len(tasks), TEST_SEED + 1, "validation") for task in tasks]
    # z = 1 is the third expert, whose share is what the other two leave over.
    scores = [few_shot_objective(twin, [*experts, plain], one) for one in each]

    def objective(alpha_2: torch.Tensor) -> tuple[float, float]:
        alpha_3 = torch.cat((alpha_2, 1 - alpha_2.sum()[None]))
        found = [score(alpha_3) for score in scores]
        return sum(a for a, _ in found) / len(found), sum(b for _, b in found) / len(found)

    found = cross_entropy(objective, 2, rounds=rounds, population=24, elite_share=0.25)
    populations = tuple(tuple((round(a, 3), round(b, 3)) for a, b in one.population) for one in found.rounds)
    return MixtureMap(pair, tuple(tasks), STEPS, right, populations, tuple(round(x, 3) for x in found.best))


def stored_path() -> Path:
    """Return where the maps of lab/skills are kept."""
    return data_dir() / "sweeps" / "07_mixtures.json"


@cache
def stored_maps() -> dict[str, MixtureMap]:
    """Return the stored maps of lab/skills by target; none where there is no file."""
    if not stored_path().is_file():
        return {}
    rows = json.loads(stored_path().read_text(encoding="utf-8"))
    return {name: MixtureMap(**{key: _frozen(value) for key, value in row.items()}) for name, row in rows.items()}


def store_maps(
    model: ModelLike | str = "lab/skills", out: Path | None = None, say: Callable[[str], None] = lambda words: None
) -> Path:
    """Measure and keep the map of every target, for the panel to replay; half a minute."""
    handle, bank, made = (load(model) if isinstance(model, str) else model), shipped_bank(), {}
    for name, tasks in TARGETS.items():
        made[name] = asdict(mixture_map(handle, bank, PAIR, tasks))
        say(f"mapped {name}")
    return write_atomically(out or stored_path(), json.dumps(made, separators=(",", ":")) + "\n")


def _ones(expert: Expert) -> Expert:
    return Expert("base", {a: torch.ones_like(z) for a, z in expert.z.items()}, expert.of)


def _frozen(value: Any) -> Any:
    return tuple(map(_frozen, value)) if isinstance(value, list) else value
