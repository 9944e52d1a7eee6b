"""What is measured for the claims of lesson 11: stored portraits of separately trained models, one value a seed.

Shares: 0.36 % are the paper's 3,000 of 835,584 neurons. All drops are relative, of accuracy on facts that the search
for neurons never saw, a mean over relations.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Sequence
from statistics import fmean
from typing import Any

from labkit.claims.records import Measured

from .experiments.portrait import LARGE, PAPER, Portraits
from .method.neurons import neuron_count

__all__ = [
    "attention_against_ffn",
    "cumulative_share",
    "father_hurts_mother",
    "father_mother_overlap",
    "frequency_gap",
    "gate_against_up",
    "improving_cells",
    "middle_share",
    "neuron_counts",
    "others_left",
    "own_against_others",
    "own_against_random",
]


def own_against_random(*, n: int, seeds: Sequence[int], share: float = PAPER, asked: str = "named") -> Measured:
    """Return per seed the drop of a relation's own accuracy minus that under random sets; asked: which questions."""

    def value(found: dict[str, Any]) -> float:
        one = _at(found, share) if asked == "named" else found[asked]
        return fmean(one["own"]) - fmean(one["random"])

    return _each(seeds, value)


def own_against_others(*, n: int, seeds: Sequence[int], share: float = LARGE) -> Measured:
    """Return per seed the drop of a relation's own accuracy minus the mean drop of the eleven others."""
    return _each(seeds, lambda found: fmean(_at(found, share)["own"]) - fmean(_at(found, share)["others"]))


def others_left(*, n: int, seeds: Sequence[int]) -> Measured:
    """Return per seed what is left of the other relations' accuracy with 6 % of the neurons off (50,000 there)."""
    return _each(seeds, lambda found: 1 - fmean(found["others_at_six"]["others"]))


def cumulative_share(*, n: int, seeds: Sequence[int]) -> Measured:
    """Return per seed the micro cumulativity over all ranges: lost answers that the slice alone does not lose."""
    return _each(seeds, lambda found: _cumulativity(found["cumulativity"]))


def improving_cells(*, n: int, seeds: Sequence[int]) -> Measured:
    """Return per seed the share of improving cells minus its mean over matched sets, in the early model."""

    def value(found: dict[str, Any]) -> float:
        one = found["interference"]
        return (one["improving"] - fmean(one["matched"])) / one["cells"]

    return _each(seeds, value)


def father_mother_overlap(*, n: int, seeds: Sequence[int]) -> Measured:
    """Return per seed the share of neurons that father and mother have in common, minus that of two random sets."""

    def value(found: dict[str, Any]) -> float:
        one = found["overlap"]
        return (one["shared"][0][1] - one["expected"]) / one["k"]

    return _each(seeds, value)


def father_hurts_mother(*, n: int, seeds: Sequence[int]) -> Measured:
    """Return per seed the drop of mother's accuracy with father's neurons off, minus that under matched sets."""
    return _each(seeds, lambda found: found["father_off"]["mother"] - found["father_off"]["matched"])


def middle_share(*, n: int, seeds: Sequence[int]) -> Measured:
    """Return per seed the share of relation neurons (0.36 %) in the middle two of the four layers."""
    return _each(seeds, lambda found: sum(found["layers"][str(PAPER)][1:3]))


def frequency_gap(*, n: int, seeds: Sequence[int]) -> Measured:
    """Return per seed the log frequency of surviving minus lost facts, a mean over relations with both."""
    return _each(seeds, lambda found: fmean(found["frequency_gaps"].values()))


def gate_against_up(*, n: int, seeds: Sequence[int]) -> Measured:
    """Return per seed the own drop with gate neurons off minus that with as many up neurons off."""
    return _each(seeds, lambda found: fmean(found["modules"]["gate"]) - fmean(found["modules"]["up"]))


def attention_against_ffn(*, n: int, seeds: Sequence[int]) -> Measured:
    """Return per seed the own drop with MLP neurons off minus that with as many attention neurons off."""
    return _each(seeds, lambda found: fmean(_at(found, 0.05)["own"]) - fmean(found["modules"]["attention"]))


def neuron_counts(*, n: int, seeds: Sequence[int]) -> Measured:
    """Return how far layers · (2 · ffn + width) is from the paper's counts for Llama-2 7B and 13B."""
    counts = {"7B": (neuron_count(32, 11008, 4096), 835_584), "13B": (neuron_count(40, 13824, 5120), 1_310_720)}
    return Measured(values=tuple(float(ours - theirs) for ours, theirs in counts.values()), units=tuple(counts))


def _cumulativity(counts: dict[str, list[int]]) -> float:
    return 1 - sum(counts["affected"]) / sum(counts["total"])


def _at(found: dict[str, Any], share: float) -> dict[str, Any]:
    return next(one for one in found["by_share"] if math.isclose(one["share"], share))


def _each(seeds: Sequence[int], value: Callable[[dict[str, Any]], float]) -> Measured:
    portraits = Portraits.load()
    found = {seed: portraits.seed(seed) for seed in seeds}
    digest = {f"facts, seed {s}": hashlib.sha256(json.dumps(one).encode()).hexdigest()[:16] for s, one in found.items()}
    return Measured(
        values=tuple(round(float(value(one)), 6) for one in found.values()),
        units=tuple(f"seed {seed}" for seed in found),
        models=digest,
    )
