"""What separately trained arms reach: bits per byte on unseen pages, and what another threshold does to one model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from labkit.base.errors import NotAvailable
from labkit.measurements.estimate import Estimate, mean_over

from ..method.accounting import cost
from ..method.entropy import ByteEntropies
from ..method.model import BLT, bits_per_byte
from ..method.patching import Entropy
from ..method.storage import load_blt
from ..task import pages
from ..training import ARMS, best_rate, entropy_model, runs, threshold
from ..training.arms import FRESH, PROGRAM, SEEDS
from ..training.choices import CHOICES
from ..training.rows import byte_rows, entropies_of, mean_size, page_nats, starts_of
from ..training.studies import STUDIES, rate_of, study_runs

__all__ = [
    "Qualities",
    "Thresholds",
    "arm_gap",
    "bits_of",
    "part_gap",
    "qualities",
    "rates_tried",
    "story_model",
    "thresholds",
]


def runs_of(arm: str, seeds: Sequence[int] = SEEDS, lr: float | None = None) -> list[dict[str, Any]]:
    """Return the run of each seed of an arm, at the rate that was best on seed 0, or at another."""
    return by_seed(runs().where(arm=arm, lr=best_rate(arm) if lr is None else lr), arm, seeds)


def study_of(study: str, arm: str, seeds: Sequence[int] | None = None) -> list[dict[str, Any]]:
    """Return the run of each seed of an arm of a study, at the better of the rates tried on seed 0."""
    found = study_runs().where(study=study, arm=arm, lr=rate_of(study, arm))
    return by_seed(found, f"{arm} of the study {study}", STUDIES[study].seeds if seeds is None else seeds)


def by_seed(found: Sequence[dict[str, Any]], name: str, seeds: Sequence[int]) -> list[dict[str, Any]]:
    """Return one run a seed; raise `NotAvailable` for seeds without one."""
    runs = {run["seed"]: run for run in found}
    if lacking := [seed for seed in seeds if seed not in runs]:
        raise NotAvailable(f"{name} was not trained from the seeds {lacking}.", do=PROGRAM)
    return [runs[seed] for seed in seeds]


def bits_of(arm: str, seeds: Sequence[int] = SEEDS, lr: float | None = None) -> list[float]:
    """Return the bits per byte on test pages of each seed of an arm, at its best rate or at another."""
    return [run["test"] for run in runs_of(arm, seeds, lr)]


def arm_gap(first: str, second: str, seeds: Sequence[int] = SEEDS, lr: float | None = None) -> Estimate:
    """Return the bits per byte of one arm minus those of another, seed by seed, with Student's interval.

    lr: another rate for the first than its best.
    """
    return gap_of(bits_of(first, seeds, lr), bits_of(second, seeds), f"{first} minus {second}")


def part_gap(other: str, seeds: Sequence[int] = FRESH, lr: float | None = None) -> Estimate:
    """Return the bits per byte of the arms' BLT minus those of one with a part changed, "cnn" or "frequent".

    lr: another rate for the arms' BLT than its best.
    """
    others = [run["test"] for run in study_of("parts", other, seeds)]
    return gap_of(bits_of("entropy", seeds, lr), others, f"BLT minus BLT with {CHOICES[other].about}")


def gap_of(first: Sequence[float], second: Sequence[float], name: str) -> Estimate:
    """Return the mean of the differences with Student's interval."""
    gaps = [a - b for a, b in zip(first, second, strict=True)]
    return mean_over(gaps, "seeds", method="t", name=name, unit="bits per byte", null=0.0)


@dataclass(frozen=True)
class Qualities:
    """Bits per byte of each arm over seeds, its cost in operations a byte, and the size of its patches."""

    arms: tuple[str, ...]
    bits: tuple[Estimate, ...]
    cost: tuple[float, ...]
    size: tuple[float, ...]

    def about(self, place: int) -> str:
        """Return what an arm is, in words."""
        return ARMS[self.arms[place]].about

    def table(self) -> str:
        """Return one line an arm, the best first."""
        rows = sorted(zip(self.bits, self.arms, self.cost, self.size), key=lambda row: row[0].value)
        lines = [
            f"{ARMS[arm].about:45} {bits.value:.3f} [{bits.low:.3f}, {bits.high:.3f}]  {cost / 1e3:5.0f} k  {size:4.1f}"
            for bits, arm, cost, size in rows
        ]
        return "\n".join(["bits per byte, interval over seeds; operations a byte; bytes a patch or token", *lines])


def qualities(arms: Sequence[str] = tuple(ARMS), seeds: Sequence[int] = SEEDS) -> Qualities:
    """Return how good each arm is over these seeds."""
    bits = [mean_over(bits_of(arm, seeds), "seeds", method="t", name=arm, unit="bits per byte") for arm in arms]
    sizes = [runs().where(arm=arm)[0]["size"] for arm in arms]
    return Qualities(tuple(arms), tuple(bits), tuple(ARMS[arm].cost for arm in arms), tuple(sizes))


def rates_tried() -> dict[str, dict[float, float]]:
    """Return for each arm the bits per byte on valid pages at each learning rate tried on seed 0."""
    return {arm: {run["lr"]: run["valid"] for run in runs().where(arm=arm, seed=0)} for arm in ARMS}


@cache
def story_model() -> BLT:
    """Return the shipped BLT."""
    return load_blt("blt/story").requires_grad_(False)


@dataclass(frozen=True)
class Thresholds:
    """One model with patches cut at other thresholds than in training: nats of each page, by threshold."""

    above: tuple[float, ...]
    size: tuple[float, ...]
    cost: tuple[float, ...]
    nats: tuple[tuple[float, ...], ...]
    bytes: tuple[int, ...]
    trained_at: float

    def bits(self, place: int) -> float:
        """Return the bits per byte at one of the thresholds."""
        return bits_per_byte(sum(self.nats[place]), sum(self.bytes))

    def table(self) -> str:
        """Return one line a threshold."""
        lines = [
            f"{at:6.2f} nats: {size:5.1f} bytes a patch, {cost / 1e3:5.0f} k operations a byte, {self.bits(i):.3f} bits"
            for i, (at, size, cost) in enumerate(zip(self.above, self.size, self.cost))
        ]
        return "\n".join(lines)


def thresholds(above: Sequence[float], n: int = 60, seed: int = 11) -> Thresholds:
    """Return how the shipped BLT reads n test pages whose patches are cut at each of these thresholds."""
    model, rows = story_model(), byte_rows(pages(n, seed, split="test"))
    h, sizes, costs, nats = entropies_of(entropy_model(), rows), [], [], []
    for at in above:
        starts = starts_of(rows, Entropy(ByteEntropies(entropy_model()), above=at), h)
        sizes.append(mean_size(rows, starts))
        costs.append(cost(model.config, max(1.0, sizes[-1]), 240).total)
        nats.append(tuple(page_nats(model, rows, starts)))
    return Thresholds(tuple(above), tuple(sizes), tuple(costs), tuple(nats), rows.bytes, threshold())
