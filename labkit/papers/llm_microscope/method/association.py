"""Do two lists of numbers go together? Correlations, with what both share through other lists taken out first."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from labkit.base.errors import BadInput

__all__ = ["partial_correlation", "pearson", "ranked"]


def pearson(x: Sequence[float], y: Sequence[float]) -> float:
    """Return Pearson's correlation of two lists; raise `BadInput` for fewer than three pairs or a constant list."""
    x, y = _checked(x, y)
    x, y = x - x.mean(), y - y.mean()
    return float(x @ y / np.sqrt((x @ x) * (y @ y)))


def ranked(x: Sequence[float]) -> np.ndarray:
    """Return mean ranks, ties sharing theirs: `pearson` of ranks is Spearman's correlation."""
    x = np.asarray(x, dtype=np.float64)
    _, inverse, counts = np.unique(x, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    return (ends - (counts - 1) / 2)[inverse]


def partial_correlation(x: Sequence[float], y: Sequence[float], given: Sequence[Sequence[float]]) -> float:
    """Return the correlation of what is left of x and y when a linear fit on the `given` lists is taken out of both."""
    x, y = _checked(x, y)
    design = np.column_stack([np.ones(len(x)), *(np.asarray(one, dtype=np.float64) for one in given)])
    left = [values - design @ np.linalg.lstsq(design, values, rcond=None)[0] for values in (x, y)]
    return pearson(*left)


def _checked(x: Sequence[float], y: Sequence[float]) -> tuple[np.ndarray, np.ndarray]:
    x, y = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    if x.shape != y.shape or x.ndim != 1 or len(x) < 3 or not (np.isfinite(x).all() and np.isfinite(y).all()):
        raise BadInput(
            f"{x.size} and {y.size} numbers make no correlation.", expected="two lists of finite numbers, three or more"
        )
    if np.ptp(x) == 0 or np.ptp(y) == 0:
        raise BadInput("One of the two lists is constant.", expected="numbers that vary")
    return x, y
