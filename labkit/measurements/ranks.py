"""Do two ways of scoring the same things put them in the same order? Spearman's rank correlation, with an interval."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from labkit.base.errors import BadInput
from labkit.base.results import Result

from .estimate import Estimate
from .tables import text_table

__all__ = ["Agreement", "agreement", "ranks", "spearman"]

LEAST = 4  # units with which an interval can be given


@dataclass(frozen=True, kw_only=True)
class Agreement(Result):
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
            if len(sides[0]) >= LEAST and all(len(set(side)) > 1 for side in sides):
                found[kind] = spearman(*sides, over=self.correlation.over)
        return found

    def table(self) -> str:
        """Return the things by falling truth, then the correlation, over all and inside each kind."""
        order = sorted(range(len(self.truth)), key=lambda i: -self.truth[i])
        rows = [[self.labels[i], f"{self.guess[i]:.4g}", f"{self.truth[i]:.4g}"] for i in order]
        inside = "".join(f"\n{kind}: {one}" for kind, one in self.within.items()) if len(set(self.kinds)) > 1 else ""
        return text_table(["", self.guess_name, self.truth_name], rows) + f"\n{self.correlation}{inside}"

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
) -> Agreement:
    """Return the agreement of two lists of numbers for the same things, in the same order."""
    correlation = spearman(guess, truth, over=over)
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


def spearman(first: Sequence[float], second: Sequence[float], *, over: str = "units", level: float = 0.95) -> Estimate:
    """Return Spearman's rank correlation with its interval (null 0).

    The interval is Bonett and Wright's (2000): Fisher's z with variance (1 + r² / 2) / (n - 3). A perfect order is
    taken to be one swap of neighbours away from perfect there, or a handful of units would seem to prove it.
    `per_unit` holds the product of each unit's two standardised ranks, whose mean is the value. Raises `BadInput` for
    fewer than four units, and where one list is the same number throughout: it has no order.
    """
    x, y = (np.asarray(values, dtype=np.float64) for values in (first, second))
    if x.shape != y.shape or x.ndim != 1 or len(x) < LEAST or not (np.isfinite(x).all() and np.isfinite(y).all()):
        raise BadInput(
            f"{len(x)} and {len(y)} numbers have no rank correlation.", expected="two lists of at least four"
        )
    if np.ptp(x) == 0 or np.ptp(y) == 0:
        raise BadInput("One of the lists holds one number only.", expected="numbers that can be put in order")
    products = _standardised(ranks(x)) * _standardised(ranks(y))
    r, n = round(float(products.mean()), 12), len(x)
    most = 1 - 12 / (n * (n * n - 1))
    inside = max(-most, min(most, r))
    half = NormalDist().inv_cdf(0.5 + level / 2) * math.sqrt((1 + inside**2 / 2) / (n - 3))
    low, high = (math.tanh(math.atanh(inside) + sign * half) for sign in (-1, 1))
    return Estimate(
        name="rank correlation",
        value=r,
        low=min(low, r),
        high=max(high, r),
        n=n,
        over=over,
        null=0.0,
        level=level,
        method="fisher z",
        per_unit=tuple(products.tolist()),
    )


def ranks(values: np.ndarray) -> np.ndarray:
    """Return ranks from 0; equal values share the mean of theirs."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    return (np.cumsum(counts) - (counts + 1) / 2)[inverse]


def _standardised(values: np.ndarray) -> np.ndarray:
    return (values - values.mean()) / values.std()
