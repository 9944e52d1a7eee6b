"""The ledger: every claim the course makes a test of, and what the records say about each."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from labkit.base.errors import BadInput, BrokenFile, unknown
from labkit.measurements import Estimate, mean_over, proportion
from labkit.measurements.estimate import RESAMPLES

from .digest import digest
from .entry import Claim, read_claims
from .records import Record, claims_dir, read_record
from .rule import Verdict, exactness, verdict

__all__ = ["Assessment", "Ledger", "assess", "ledger"]


@dataclass(frozen=True, kw_only=True)
class Ledger:
    """The claims of all lessons, in order; iterable, with each claim found by its id."""

    folder: Path
    claims: tuple[Claim, ...]

    def __iter__(self) -> Iterator[Claim]:
        return iter(self.claims)

    def __len__(self) -> int:
        return len(self.claims)

    @property
    def lessons(self) -> tuple[str, ...]:
        """The lessons that have claims."""
        return tuple(dict.fromkeys(claim.lesson for claim in self.claims))

    def claim(self, claim_id: str) -> Claim:
        """Return the claim called `claim_id`."""
        for claim in self.claims:
            if claim.id == claim_id:
                return claim
        raise unknown("claim", claim_id, [claim.id for claim in self.claims])

    def lesson(self, lesson: str) -> Ledger:
        """Return the part of the ledger that belongs to one lesson, such as "00"."""
        if lesson not in self.lessons:
            raise unknown("lesson with claims", lesson, self.lessons)
        return Ledger(folder=self.folder, claims=tuple(c for c in self.claims if c.lesson == lesson))


def ledger(folder: Path | None = None) -> Ledger:
    """Return the ledger in `folder` (the course's own by default)."""
    folder = folder or claims_dir()
    if not folder.is_dir():
        raise BrokenFile(
            f"There is no ledger at {folder}.",
            expected="a folder of NN.toml files",
            do="reinstall labkit, or unset LABKIT_DATA",
        )
    claims = tuple(claim for path in sorted(folder.glob("*.toml")) for claim in read_claims(path))
    ids = [claim.id for claim in claims]
    twice = sorted({claim_id for claim_id in ids if ids.count(claim_id) > 1})
    if twice:
        raise BadInput(f"Two claims are called {', '.join(twice)}.", expected="an id of its own for each claim")
    return Ledger(folder=folder, claims=claims)


@dataclass(frozen=True, kw_only=True)
class Assessment:
    """What our records say about a claim: value and interval on its scale (None without a record), and the verdict.

    For an identity the value is the case farthest from exact, and the interval the range of all cases.
    """

    claim: Claim
    value: float | None
    low: float | None
    high: float | None
    n: int
    over: str
    verdict: str
    reason: str
    stale: bool = False  # measured by code that has changed since

    def __str__(self) -> str:
        return f"{self.claim.id}: {self.verdict} ({self.reason})"


def assess(claim: Claim | str, folder: Path | None = None, *, aged: bool = False) -> Assessment:
    """Return the verdict on a claim, recomputed from its record; `aged`: also whether older code measured it.

    Raises `BrokenFile` when the record does not belong to the claim as it stands.
    """
    if isinstance(claim, str):
        claim = ledger(folder).claim(claim)
    record = read_record(claim, folder)
    if record is None:
        ruling = Verdict("unresolved", "not measured yet")
        if claim.kind == "hub":
            ruling = Verdict("not run", f"it needs {claim.settles}")
        return _assessment(claim, None, None, None, 0, ruling)
    return replace(judge(claim, record), stale=is_stale(claim, record)) if aged else judge(claim, record)


def judge(claim: Claim, record: Record) -> Assessment:
    """Return the verdict of one record."""
    if claim.exact:
        ruling = exactness(record.values, target=claim.null, tolerance=claim.delta)
        worst = max(record.values, key=lambda value: abs(value - claim.null))
        return _assessment(claim, worst, min(record.values), max(record.values), len(record.values), ruling)
    ours = estimate(claim, record)
    ruling = verdict(
        value=ours.value,
        low=ours.low,
        high=ours.high,
        n=ours.n,
        null=claim.null,
        direction=claim.direction,
        delta=claim.delta,
        paper=claim.number_on_scale,
        needed=claim.n,
    )
    return _assessment(claim, ours.value, ours.low, ours.high, ours.n, ruling)


def estimate(claim: Claim, record: Record) -> Estimate:
    """Return value and 95 % interval: Student's t over seeds, Wilson for shares, else the bootstrap over units.

    A ratio over other units than seeds is resampled whole, its denominator too: where that is unsure, so is the ratio.
    """
    if claim.estimator == "share":
        return proportion(record.values, over=claim.over)
    if claim.estimator == "ratio":
        if claim.over == "seeds":
            return mean_over(linearised(record.values), claim.over, method="t")
        return ratio_over(record.values, claim.over)
    return mean_over(record.values, claim.over, method="t" if claim.over == "seeds" else "bootstrap")


def ratio_over(pairs: Sequence[tuple[float, float]], over: str, seed: int = 0) -> Estimate:
    """Return Σa / Σb over units with the percentile interval of resamples of both together."""
    above, below = np.asarray(pairs, dtype=float).T
    draws = np.random.default_rng(seed).integers(len(pairs), size=(RESAMPLES, len(pairs)))
    ratios = above[draws].sum(axis=1) / below[draws].sum(axis=1)
    low, high = np.quantile(ratios, [0.025, 0.975])
    value = math.fsum(above) / math.fsum(below)
    return Estimate(
        name="ratio", value=value, low=min(float(low), value), high=max(float(high), value), n=len(pairs), over=over
    )


def linearised(pairs: Sequence[tuple[float, float]]) -> list[float]:
    """Return one value per pair whose mean is R = Σa / Σb and whose spread is that of R: R + (a − R b) / mean(b).

    The usual linearisation of a ratio estimate (Cochran, Sampling Techniques, section 6.3); single b may be negative.
    """
    above, below = (math.fsum(side) for side in zip(*pairs))
    ratio, mean = above / below, below / len(pairs)
    return [ratio + (a - ratio * b) / mean for a, b in pairs]


def is_stale(claim: Claim, record: Record) -> bool:
    """Return whether the code that measured a record has changed since; False where the record does not say."""
    return bool(record.code) and claim.measure is not None and record.code != digest(claim.measure)


def _assessment(
    claim: Claim, value: float | None, low: float | None, high: float | None, n: int, ruling: Verdict
) -> Assessment:
    ruling = _as_it_stands(claim, ruling)
    return Assessment(
        claim=claim,
        value=value,
        low=low,
        high=high,
        n=n,
        over=claim.over,
        verdict=ruling.word,
        reason=ruling.reason,
    )


def _as_it_stands(claim: Claim, ruling: Verdict) -> Verdict:
    """Return the ruling as far as the claim's standing lets it count."""
    if claim.standing == "observation" and ruling.word not in ("unresolved", "not run"):
        whose = "no paper says this" if claim.number_on_scale is None else "the paper's number is for another setting"
        return Verdict("observation", f"{whose}; by the rule it would be {ruling.word}")
    if claim.standing == "constructed" and ruling.word in ("reproduced", "direction"):
        return Verdict("works as constructed", "the model was made to show it, so nothing is reproduced")
    return ruling
