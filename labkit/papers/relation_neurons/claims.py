"""What is measured for the claims of lesson 11: stored portraits of separately trained models.

Shares: 0.36 % are the paper's 3,000 of 835,584 neurons. All drops are relative, of accuracy on facts that the search
for neurons never saw, a mean over relations.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations
from statistics import fmean
from typing import Any

from labkit.base.errors import NotAvailable
from labkit.claims import assess, ledger
from labkit.claims.assessment import estimate
from labkit.claims.records import Measured, Record
from labkit.measurements import Estimate

from .experiments.portrait import FOREIGN, LARGE, PAPER, Portraits, large_path
from .method.neurons import neuron_count
from .task.words import RELATIONS

__all__ = [
    "SeedTable",
    "attention_against_ffn",
    "by_seed",
    "cumulative_share",
    "family_overlap",
    "father_hurts_mother",
    "frequency_gap",
    "gate_against_up",
    "improving_cells",
    "large_against_matched",
    "last_against_mean",
    "log_against_matched",
    "middle_share",
    "neuron_counts",
    "others_left",
    "own_against_matched",
    "own_against_others",
    "own_against_random",
]


def own_against_random(*, n: int, seeds: Sequence[int], share: float = PAPER, asked: str = "named") -> Measured:
    """Return per model and relation its own drop minus that under random sets; asked: which questions."""

    def values(found: dict[str, Any]) -> list[float]:
        one = _at(found, share) if asked == "named" else found[asked]
        return _minus(one["own"], one["random"])

    return _each(seeds, values)


def own_against_others(*, n: int, seeds: Sequence[int], share: float = LARGE) -> Measured:
    """Return per model and silenced relation its own drop minus the mean drop of the eleven others."""
    return _each(seeds, lambda found: _minus(_at(found, share)["own"], _at(found, share)["others"]))


def others_left(*, n: int, seeds: Sequence[int]) -> Measured:
    """Return per model and silenced relation what is left of the others' accuracy, 6 % off (50,000 in the paper)."""
    return _each(seeds, lambda found: [1 - drop for drop in found["others_at_six"]["others"]])


def cumulative_share(*, n: int, seeds: Sequence[int]) -> Measured:
    """Return per model and relation (lost answers that the slice alone does not lose, lost answers), all ranges."""

    def values(found: dict[str, Any]) -> list[tuple[int, int]]:
        one = found["cumulativity"]
        return [(sum(total) - sum(alone), sum(total)) for total, alone in zip(one["total"], one["affected"])]

    return _each(seeds, values)


def improving_cells(*, n: int, seeds: Sequence[int]) -> Measured:
    """Return per early model and silenced relation the share of the others that improve, minus that of matched sets."""

    def values(found: dict[str, Any]) -> list[float]:
        one = found["interference"]
        null = [fmean(draws) for draws in zip(*one["matched_rows"])]
        return [(row - matched) / (len(one["rows"]) - 1) for row, matched in zip(one["rows"], null)]

    return _each(seeds, values)


def family_overlap(*, n: int, seeds: Sequence[int]) -> Measured:
    """Return per model and pair of one family the neurons in common as a share of k, minus that of random sets."""
    names = list(RELATIONS)
    pairs = [(a, b) for a, b in combinations(names, 2) if RELATIONS[a].family == RELATIONS[b].family]

    def values(found: dict[str, Any]) -> list[float]:
        one = found["overlap"]
        return [(one["shared"][names.index(a)][names.index(b)] - one["expected"]) / one["k"] for a, b in pairs]

    return _each(seeds, values, [f"{a}, {b}" for a, b in pairs])


def father_hurts_mother(*, n: int, seeds: Sequence[int]) -> Measured:
    """Return per model and question about a mother: right with matched sets off, minus right with father's off."""

    def values(found: dict[str, Any]) -> list[float]:
        return _minus(found["father_off"]["matched"], found["father_off"]["mother"])

    return _each(seeds, values, [f"mother {number}" for number in range(60)])


def middle_share(*, n: int, seeds: Sequence[int]) -> Measured:
    """Return per model and relation the share of its neurons (0.36 %) in the middle two of the four layers."""
    return _each(seeds, lambda found: found["middle"])


def frequency_gap(*, n: int, seeds: Sequence[int]) -> Measured:
    """Return per model and relation the log frequency of surviving minus lost facts; 0 where there is no such pair."""
    return _each(seeds, lambda found: [found["frequency_gaps"].get(name, 0.0) for name in RELATIONS])


def gate_against_up(*, n: int, seeds: Sequence[int]) -> Measured:
    """Return per model and relation its own drop with gate neurons off minus that with as many up neurons off."""
    return _each(seeds, lambda found: _minus(found["modules"]["gate"], found["modules"]["up"]))


def attention_against_ffn(*, n: int, seeds: Sequence[int]) -> Measured:
    """Return per model and relation its own drop with MLP neurons off minus that with as many attention neurons."""
    return _each(seeds, lambda found: _minus(_at(found, 0.05)["own"], found["modules"]["attention"]))


def last_against_mean(*, n: int, seeds: Sequence[int]) -> Measured:
    """Return per model and relation its drop with neurons chosen at the last token off minus with those by the mean."""
    return _each(seeds, lambda found: _minus(found["pools"]["last"]["own"], found["pools"]["mean"]["own"]))


def own_against_matched(*, n: int, seeds: Sequence[int], to: str = "zero") -> Measured:
    """Return per model and relation its own drop minus that under sets of the same layers and modules (mean of ten).

    to: what the neurons are set to, zero or the mean over the prompts of the search.
    """
    return _each(seeds, lambda found: _minus(found["controls"][to]["own"], found["controls"][to]["matched"]))


def log_against_matched(*, n: int, seeds: Sequence[int]) -> Measured:
    """Return per model and relation the change of its answers' log probability with 0.36 % off, minus matched sets'."""
    return _each(
        seeds, lambda found: _minus(found["controls"]["paper"]["log_own"], found["controls"]["paper"]["log_matched"])
    )


def large_against_matched(*, n: int, seeds: Sequence[int]) -> Measured:
    """Return the same (set to zero) per relation of a model of a large register; `seeds` is one."""
    (seed,) = seeds
    one = Portraits.load(large_path()).seed(seed)
    values = _minus(one["controls"]["zero"]["own"], one["controls"]["zero"]["matched"])
    digest = hashlib.sha256(json.dumps(one).encode()).hexdigest()[:16]
    models = {f"large register, seed {seed}": digest}
    return Measured(values=tuple(round(value, 6) for value in values), units=tuple(RELATIONS), models=models)


def neuron_counts(*, n: int, seeds: Sequence[int]) -> Measured:
    """Return how far layers · (2 · ffn + width) is from the paper's counts for Llama-2 7B and 13B."""
    counts = {"7B": (neuron_count(32, 11008, 4096), 835_584), "13B": (neuron_count(40, 13824, 5120), 1_310_720)}
    return Measured(values=tuple(float(ours - theirs) for ours, theirs in counts.values()), units=tuple(counts))


@dataclass(frozen=True)
class SeedTable:
    """What each trained model alone says to each claim: values[id][seed]; `nulls` and `verdicts` are the ledger's."""

    values: dict[str, dict[int, Estimate]]
    nulls: dict[str, float]
    verdicts: dict[str, str]

    def same_side(self) -> list[str]:
        """Return the claims of which every model's value is on one side of the null."""
        above = {name: {one.value > self.nulls[name] for one in row.values()} for name, row in self.values.items()}
        return [name for name, sides in above.items() if len(sides) == 1]

    def table(self, claims: Sequence[str] = ()) -> str:
        """Return a line a claim (all, or those named); a star: one model's interval excludes the null."""
        seeds = sorted({seed for row in self.values.values() for seed in row})
        lines = [f"{'claim':24} {'null':>5}" + "".join(f"{f'seed {seed}':>9}" for seed in seeds) + "  verdict"]
        for name in claims or self.values:
            row = self.values.get(name, {})
            null, cells = self.nulls[name], ""
            for seed in seeds:
                one = row.get(seed)
                star = "*" if one and (one.low > null or one.high < null) else " "
                cells += f"{one.value:8.3f}{star}" if one else f"{'–':>8} "
            lines.append(f"{name:24} {null:5.2f}{cells}  {self.verdicts[name]}")
        return "\n".join(lines)


def by_seed(seeds: Sequence[int] | None = None) -> SeedTable:
    """Return what every stored model of a small register alone says to each claim of this lesson. It shows how far one
    model can be trusted, and decides nothing: a verdict counts only the seeds it was registered for."""
    values: dict[str, dict[int, Estimate]] = {}
    claims = [claim for claim in ledger().lesson("11") if not claim.exact]
    for claim in claims:
        measure = globals()[str(claim.measure).rpartition(".")[2]]
        if measure is large_against_matched:
            continue  # its seeds draw other registers
        for seed in seeds or sorted(Portraits.load().of):
            try:
                found = measure(n=claim.n, seeds=(seed,), **claim.arguments)
            except (KeyError, NotAvailable):  # first portraits lack what was asked later
                continue
            record = Record(claim=claim.id, registration="", labkit="", committed=False, seeds=(seed,), models={},
                            units=found.units, values=found.values)  # fmt: skip
            values.setdefault(claim.id, {})[seed] = estimate(claim, record)
    return SeedTable(values, {c.id: c.null for c in claims}, {c.id: assess(c).verdict for c in claims})


def _minus(these: Sequence[float], those: Sequence[float]) -> list[float]:
    return [one - other for one, other in zip(these, those, strict=True)]


def _at(found: dict[str, Any], share: float) -> dict[str, Any]:
    by_share = {round(one["share"], 4): one for one in found["by_share"]}
    return by_share[round(share, 4)]


def _each(
    seeds: Sequence[int], values: Callable[[dict[str, Any]], Sequence[Any]], names: Sequence[str] = ()
) -> Measured:
    """Return the values of every seed's portrait, seed by seed; names: of the units of one seed."""
    portraits, found, units, digests = Portraits.load(), [], [], {}
    for seed in seeds:
        one = portraits.seed(seed)
        mine = [tuple(value) if isinstance(value, tuple) else round(float(value), 6) for value in values(one)]
        known = list(names) or (list(RELATIONS) if len(mine) == len(RELATIONS) else list(FOREIGN))
        found += mine
        units += [f"seed {seed}, {name}" for name in known]
        digests[f"facts, seed {seed}"] = hashlib.sha256(json.dumps(one).encode()).hexdigest()[:16]
    return Measured(values=tuple(found), units=tuple(units), models=digests)
