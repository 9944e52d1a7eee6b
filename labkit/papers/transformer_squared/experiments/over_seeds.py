"""What the five bases say together: strategies, transplants, and what an expert costs elsewhere, read from the runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from statistics import fmean

from labkit.base.results import Result
from labkit.measurements import Estimate
from labkit.measurements.estimate import mean_over

from ..task import DOMAINS, UNSEEN
from ..training import LENDING, SEEDS, best_rate, known_run, known_runs
from .searches import WAYS

__all__ = [
    "OverSeeds",
    "lent_over_seeds",
    "losses_elsewhere",
    "searches_on_shots",
    "searches_over_seeds",
    "strategies_over_seeds",
    "transplants_over_seeds",
]

_WHERE = {"shots": "on shots", "test": "accuracy"}  # what a run of searches calls it


@dataclass(frozen=True)
class OverSeeds(Result):
    """A mean over seeds with its interval, by variant and task; `unit` is what the numbers are shares of."""

    title: str
    unit: str
    estimates: dict[str, dict[str, Estimate]]

    def __getitem__(self, variant: str) -> dict[str, float]:
        return {task: one.value for task, one in self.estimates[variant].items()}

    def table(self) -> str:
        """Return one line per variant."""
        width = max(map(len, self.estimates))
        head = " " * width + "".join(f"{task:>20}" for task in next(iter(self.estimates.values())))
        lines = [
            f"{name:{width}}"
            + "".join(f"{one.value:8.1%} ±{(one.high - one.low) / 2:7.1%}   " for one in by_task.values())
            for name, by_task in self.estimates.items()
        ]
        return "\n".join([head, *lines])


def strategies_over_seeds(variants: tuple[str, ...] = ("A prompt", "B classifier", "C few-shot")) -> OverSeeds:
    """Return what each strategy answers of the unseen tasks more than the base, paired over the five bases."""
    rows = [known_run(experiment="strategies", seed=seed)["accuracy"] for seed in SEEDS]
    made = {
        name: {task: _mean([row[name][task] - row["base"][task] for row in rows]) for task in UNSEEN.values()}
        for name in variants
    }
    return OverSeeds("Unseen tasks over five bases", "right answers, with the strategy minus without", made)


def searches_over_seeds(rounds: int = 20) -> OverSeeds:
    """Return what each search's mixture answers of the unseen tasks more than the base, mean over draws of shots."""
    rows = [known_runs().where(experiment="searches", seed=seed) for seed in SEEDS]
    start = [known_run(experiment="strategies", seed=seed)["accuracy"]["base"] for seed in SEEDS]

    def gain(way: str, task: str) -> Estimate:
        right = [fmean(one["accuracy"][way][str(rounds)][task] for one in draws) for draws in rows]
        return _mean([share - base[task] for share, base in zip(right, start)])

    made = {way: {task: gain(way, task) for task in UNSEEN.values()} for way in WAYS}
    return OverSeeds("Four searches for shares", "right answers, with the mixture minus without", made)


def searches_on_shots(rounds: int = 20) -> dict[str, dict[str, float]]:
    """Return by search the share of right answers to its own shots and to the test, mean of bases, draws and tasks."""
    rows = [run for seed in SEEDS for run in known_runs().where(experiment="searches", seed=seed)]
    return {
        way: {where: fmean(fmean(run[key][way][str(rounds)].values()) for run in rows) for where, key in _WHERE.items()}
        for way in WAYS
    }


def transplants_over_seeds() -> OverSeeds:
    """Return by expert what a base answers of its unseen task more than without: own z, and another base's."""
    rows = [known_run(experiment="transplant", seed=seed)["accuracy"] for seed in SEEDS]
    made = {
        v: {d: _mean([row[d][v][UNSEEN[d]] - row[d]["base"][UNSEEN[d]] for row in rows]) for d in DOMAINS}
        for v in ("own z", "ordered", "shuffled", "smoothed")
    }
    return OverSeeds("Experts laid on another base", "right answers to the unseen task, with z minus without", made)


def lent_over_seeds(variants: tuple[str, ...] = ("own z", "ordered", "shuffled", "smoothed", "flattened")) -> OverSeeds:
    """Return what another base's experts add to the unseen tasks, their mean: laid on whole, and mixed by few shots."""
    rows = [known_run(experiment="transplant by few shots", seed=seed)["accuracy"] for seed in LENDING]

    def gain(name: str) -> Estimate:
        return _mean([sum(row[name][t] - row["base"][t] for t in row["base"]) / len(row["base"]) for row in rows])

    made = {one: {"laid on whole": gain(one), "mixed by few shots": gain(f"{one}, mixed")} for one in variants}
    return OverSeeds("Experts of another base", "right answers to the unseen tasks, with experts minus without", made)


def losses_elsewhere(arms: tuple[str, ...] = ("SVF by reward", "LoRA by next token")) -> OverSeeds:
    """Return by arm how much its experts gain on their own task and lose on the other two trained ones."""
    runs = known_runs()

    def change(seed: int, arm: str, part: Callable[[str, Mapping[str, float]], float]) -> float:
        start = known_run(arm="base", seed=seed)["accuracy"]
        found = []
        for task in DOMAINS.values():
            after = known_run(arm=arm, task=task, lr=best_rate(arm, runs), seed=seed)["accuracy"]
            found.append(part(task, {one: after[one] - start[one] for one in DOMAINS.values()}))
        return sum(found) / len(found)

    parts = {
        "own task": lambda task, moved: moved[task],
        "the other two": lambda task, moved: sum(moved[one] for one in moved if one != task) / 2,
    }
    made = {
        arm: {name: _mean([change(seed, arm, part) for seed in SEEDS]) for name, part in parts.items()} for arm in arms
    }
    return OverSeeds("What an expert gains and costs", "right answers, with the expert minus without", made)


def _mean(values: list[float]) -> Estimate:
    return mean_over(values, "seeds", method="t")
