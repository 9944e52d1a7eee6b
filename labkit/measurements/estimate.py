"""A number with its interval, the units it was taken over, and the values it can be recomputed from.

Three intervals, each for its own kind of unit: the percentile bootstrap over documents (Efron 1979), Student's t
over a handful of seeds, Wilson's score interval (1927) for a share of right answers.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import NormalDist
from typing import Any

import numpy as np

from labkit.base.errors import BadInput, unknown
from labkit.base.results import Result

__all__ = ["Estimate", "bootstrap_interval", "mean_over", "proportion", "student_interval", "wilson_interval"]

RESAMPLES = 2000
_CHUNK = 1_000_000  # counts held at once while resampling: 8 MB


@dataclass(frozen=True, kw_only=True)
class Estimate(Result):
    """A value with its interval `low`..`high`, taken `over` `n` units (documents, questions, seeds).

    `per_unit` holds one number per unit and `weights` what each counts for (tokens of a document; empty: all alike),
    so that value and interval can be recomputed. One unit gives no interval: `low` and `high` are then nan.
    """

    name: str = "mean"
    value: float
    low: float
    high: float
    n: int
    over: str
    unit: str = ""
    null: float | None = None  # what chance, or no effect, would give
    level: float = 0.95
    method: str = "bootstrap"
    per_unit: tuple[float, ...] = field(default=(), repr=False)
    weights: tuple[float, ...] = field(default=(), repr=False)

    def excludes(self, value: float) -> bool:
        """Say whether the whole interval lies on one side of `value`; never true without an interval."""
        return self.low > value or self.high < value

    def table(self) -> str:
        """Return the estimate as one line of text."""
        return str(self)

    def __str__(self) -> str:
        interval = "no interval from one unit" if self.n == 1 else "no interval: values overflow"
        if not math.isnan(self.low):
            interval = f"{self.level:.0%} interval {self.low:.4g} to {self.high:.4g}"
        null = "" if self.null is None else f", null {self.null:.4g}"
        return f"{self.name} {self.value:.4g} {self.unit}".rstrip() + f" ({interval} over {self.n:,} {self.over}{null})"


def mean_over(
    values: Sequence[float],
    over: str = "documents",
    *,
    weights: Sequence[float] | None = None,
    method: str = "bootstrap",
    seed: int = 0,
    level: float = 0.95,
    name: str = "mean",
    unit: str = "",
    null: float | None = None,
) -> Estimate:
    """Return the (weighted) mean of one value per unit with its interval; `method` is "bootstrap" or "t".

    Use "t" over seeds: five values are too few to resample. It takes no weights.
    """
    x, w = _checked(values, weights, over)
    if method == "bootstrap":
        low, high = bootstrap_interval(x, w, seed=seed, level=level)
    elif method == "t" and weights is None:
        low, high = student_interval(x, level=level)
    elif method == "t":
        raise BadInput("A t-interval takes no weights.", do='method="bootstrap", or one plain mean per unit')
    else:
        raise unknown("interval", method, ("bootstrap", "t"))
    return Estimate(
        name=name,
        value=float(np.average(x, weights=w)),
        low=low,
        high=high,
        n=len(x),
        over=over,
        unit=unit,
        null=null,
        level=level,
        method=method,
        per_unit=tuple(x.tolist()),
        weights=() if weights is None else tuple(w.tolist()),
    )


def proportion(
    right: Sequence[float],
    over: str = "questions",
    *,
    level: float = 0.95,
    name: str = "share",
    unit: str = "share",
    null: float | None = None,
) -> Estimate:
    """Return the share of units that are right (0, 1, or a share of one for ties) with Wilson's interval."""
    x, _ = _checked(right, None, over)
    if x.min() < 0 or x.max() > 1:
        raise BadInput(f"A share was asked of values from {x.min():g} to {x.max():g}.", expected="values from 0 to 1")
    low, high = wilson_interval(float(x.sum()), len(x), level=level)
    return Estimate(
        name=name,
        value=float(x.mean()),
        low=low,
        high=high,
        n=len(x),
        over=over,
        unit=unit,
        null=null,
        level=level,
        method="wilson",
        per_unit=tuple(x.tolist()),
    )


def bootstrap_interval(
    values: np.ndarray, weights: np.ndarray | None = None, *, seed: int = 0, level: float = 0.95
) -> tuple[Any, Any]:
    """Return the percentile bootstrap interval of the weighted mean of `values` [S units] or of each column [n, S].

    Units are drawn with replacement by a generator of their own; equal seeds and equal n draw the same units, so two
    quantities measured on the same documents are resampled together.
    """
    values = np.asarray(values, dtype=np.float64)
    weights = np.ones(len(values)) if weights is None else np.asarray(weights, dtype=np.float64)
    n = len(values)
    if n < 2:
        nothing = np.full(values.shape[1:], np.nan)
        return (nothing, nothing) if values.ndim > 1 else (math.nan, math.nan)
    endless = ~np.isfinite(values).all(axis=0)  # a cut that overflows has a value and no interval
    values = np.where(np.isfinite(values), values, 0.0)
    random = np.random.default_rng(seed)
    weighted = values * (weights[:, None] if values.ndim > 1 else weights)
    means, left = [], RESAMPLES
    while left:
        draws = min(left, max(1, _CHUNK // n))
        counts = random.multinomial(n, np.full(n, 1 / n), size=draws)
        totals = counts @ weights
        means.append(counts @ weighted / (totals[:, None] if values.ndim > 1 else totals))
        left -= draws
    tail = (1 - level) / 2
    low, high = np.quantile(np.concatenate(means), [tail, 1 - tail], axis=0)
    low, high = np.where(endless, np.nan, low), np.where(endless, np.nan, high)
    return (low, high) if values.ndim > 1 else (float(low), float(high))


def student_interval(values: np.ndarray, *, level: float = 0.95) -> tuple[float, float]:
    """Return Student's t interval of the mean of a few independent values, such as one per seed."""
    values = np.asarray(values, dtype=np.float64)
    if len(values) < 2:
        return math.nan, math.nan
    half = _student_quantile(level, len(values) - 1) * float(values.std(ddof=1)) / math.sqrt(len(values))
    return float(values.mean()) - half, float(values.mean()) + half


def wilson_interval(right: float, n: int, *, level: float = 0.95) -> tuple[float, float]:
    """Return Wilson's score interval for `right` of `n`: it stays within 0..1 and has width even at 0 and at n."""
    z = NormalDist().inv_cdf(0.5 + level / 2)
    p, spread = right / n, z * z / n
    centre, half = p + spread / 2, z * math.sqrt(p * (1 - p) / n + spread / (4 * n))
    low, high = (centre - half) / (1 + spread), (centre + half) / (1 + spread)
    return min(p, max(0.0, low)), max(p, min(1.0, high))  # at 0 and n rounding would leave p just outside


def _student_quantile(level: float, freedom: int) -> float:
    """Return t with P(|T| <= t) = level, by bisection on the closed form for whole degrees of freedom."""
    low, high = 0.0, 1e4
    for _ in range(200):
        middle = (low + high) / 2
        low, high = (middle, high) if _student_inside(middle, freedom) < level else (low, middle)
    return (low + high) / 2


def _student_inside(t: float, freedom: int) -> float:
    """Return P(|T| <= t) (Abramowitz & Stegun 26.7.3 and 26.7.4)."""
    angle = math.atan2(t, math.sqrt(freedom))
    cosine, odd = math.cos(angle), freedom % 2
    term, total = (cosine, cosine) if odd else (1.0, 1.0)
    for step in range(2 + odd, freedom - 1, 2):
        term *= cosine**2 * (step - 1) / step
        total += term
    if not odd:
        return math.sin(angle) * total
    return 2 / math.pi * (angle + (math.sin(angle) * total if freedom > 1 else 0.0))


def _checked(values: Sequence[float], weights: Sequence[float] | None, over: str) -> tuple[np.ndarray, np.ndarray]:
    x = np.asarray(values, dtype=np.float64)
    w = np.ones(len(x)) if weights is None else np.asarray(weights, dtype=np.float64)
    if x.ndim != 1 or not len(x):
        raise BadInput(f"A mean over {over} was asked of nothing.", expected="a list with one number per unit")
    if w.shape != x.shape or (w <= 0).any():
        raise BadInput(
            f"{len(x)} values over {over} came with {len(w)} weights.", expected="one weight above 0 per value"
        )
    return x, w
