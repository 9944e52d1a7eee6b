"""Do two ways of scoring the same things put them in the same order? Spearman's rank correlation, with an interval."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from labkit.base.errors import BadInput

from .estimate import RESAMPLES, Estimate
from .tables import text_table

__all__ = ["Agreement", "agreement", "ranks", "spearman"]


@dataclass(frozen=True, kw_only=True)
class Agreement:
    """Two numbers for each of the same things, and how well their orders agree.

    labels: what they are of. kinds: their groups, such as attention and mlp. guess, truth: the numbers, named by
    `guess_name` and `truth_name`. correlation: Spearman's, with the interval over the things.
    """

    guess_name: str
    truth_name: str
    labels: tuple[str, ...]
    kinds: tuple[str, ...]
    guess: tuple[float, ...]
    truth: tuple[float, ...]
    correlation: Estimate

    @property
    def within(self) -> dict[str, Estimate]:
        """The correlation inside each kind that has an order: that over all may only tell the kinds apart."""
        found = {}
        for kind in dict.fromkeys(self.kinds):
            sides = [[v for v, own in zip(values, self.kinds) if own == kind] for values in (self.guess, self.truth)]
            if len(sides[0]) >= 3 and all(len(set(side)) > 1 for side in sides):
                found[kind] = spearman(*sides, over=self.correlation.over)
        return found

    def table(self) -> str:
        """Return the things by falling truth, then the correlation, over all and inside each kind."""
        order = sorted(range(len(self.truth)), key=lambda i: -self.truth[i])
        rows = [[self.labels[i], f"{self.guess[i]:.4g}", f"{self.truth[i]:.4g}"] for i in order]
        inside = "".join(f"\n{kind}: {one}" for kind, one in self.within.items()) if len(set(self.kinds)) > 1 else ""
        return text_table(["", self.guess_name, self.truth_name], rows) + f"\n{self.correlation}{inside}"

    def as_dict(self) -> dict[str, Any]:
        """Return plain JSON values."""
        fields = ("guess_name", "truth_name", "labels", "kinds", "guess", "truth")
        return {**{name: getattr(self, name) for name in fields}, "correlation": self.correlation.as_dict()}

    def __str__(self) -> str:
        return f"{self.guess_name} and {self.truth_name}: {self.correlation}"


def agreement(
    guess: Sequence[float],
    truth: Sequence[float],
    labels: Sequence[str],
    kinds: Sequence[str] | None = None,
    *,
    guess_name: str = "score",
    truth_name: str = "truth",
    over: str = "parts",
    seed: int = 0,
) -> Agreement:
    """Return the agreement of two lists of numbers for the same things, in the same order."""
    correlation = spearman(guess, truth, over=over, seed=seed)
    if len(labels) != len(correlation.per_unit):
        raise BadInput(f"{len(labels)} labels for {len(guess)} numbers.", expected="one each")
    return Agreement(
        guess_name=guess_name,
        truth_name=truth_name,
        labels=tuple(labels),
        kinds=tuple(kinds or [""] * len(labels)),
        guess=tuple(map(float, guess)),
        truth=tuple(map(float, truth)),
        correlation=correlation,
    )


def spearman(
    first: Sequence[float], second: Sequence[float], *, over: str = "units", seed: int = 0, level: float = 0.95
) -> Estimate:
    """Return Spearman's rank correlation with the bootstrap interval over units (null 0).

    `per_unit` holds the product of each unit's two standardised ranks, whose mean is the value. Raises `BadInput` for
    fewer than three units, and where one list is the same number throughout: it has no order.
    """
    x, y = (np.asarray(values, dtype=np.float64) for values in (first, second))
    if x.shape != y.shape or x.ndim != 1 or len(x) < 3 or not (np.isfinite(x).all() and np.isfinite(y).all()):
        raise BadInput(
            f"{len(x)} and {len(y)} numbers have no rank correlation.", expected="two lists of at least three"
        )
    if np.ptp(x) == 0 or np.ptp(y) == 0:
        raise BadInput("One of the lists holds one number only.", expected="numbers that can be put in order")
    drawn = np.random.default_rng(seed).integers(len(x), size=(RESAMPLES, len(x)))
    found = np.array([_pearson(ranks(x[row]), ranks(y[row])) for row in drawn])
    low, high = np.nanquantile(found, [(1 - level) / 2, (1 + level) / 2])
    a, b = (_standardised(ranks(values)) for values in (x, y))
    return Estimate(
        name="rank correlation",
        value=round(float((a * b).mean()), 12),  # 1 is said as 1
        low=round(float(low), 12),
        high=round(float(high), 12),
        n=len(x),
        over=over,
        null=0.0,
        level=level,
        per_unit=tuple((a * b).tolist()),
    )


def ranks(values: np.ndarray) -> np.ndarray:
    """Return ranks from 0; equal values share the mean of theirs."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    return (np.cumsum(counts) - (counts + 1) / 2)[inverse]


def _standardised(values: np.ndarray) -> np.ndarray:
    return (values - values.mean()) / values.std()


def _pearson(a: np.ndarray, b: np.ndarray) -> float:
    return float((_standardised(a) * _standardised(b)).mean()) if np.ptp(a) and np.ptp(b) else np.nan
