"""The verdict rule of the ledger: from an interval to a word, the same for every claim."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from labkit.base.errors import BadInput, unknown

__all__ = ["DIRECTIONS", "MINIMUM_N", "VERDICTS", "Verdict", "exactness", "verdict"]

DIRECTIONS = ("above", "below")
MINIMUM_N = 5  # fewer units give no interval worth a verdict
VERDICTS = (
    "reproduced",
    "direction",
    "absent here",
    "contradicted",
    "unresolved",
    "exact",
    "not exact",
    "not run",
    "works as constructed",
    "observation",
)


class Verdict(NamedTuple):
    """A word of `VERDICTS`, and in one sentence why it is this one."""

    word: str
    reason: str

    def __str__(self) -> str:
        return f"{self.word}: {self.reason}"


def verdict(
    *,
    value: float,
    low: float,
    high: float,
    n: int,
    null: float,
    direction: str,
    delta: float,
    paper: float | None = None,
    needed: int = MINIMUM_N,
) -> Verdict:
    """Return what an interval says about a claim: the first line of this table that applies.

    All numbers are on the claim's own scale. `paper` is the paper's number there, if it gives one.

    =============  =====================================================================================
    absent here    the whole interval lies within ±delta of the null: whatever its sign, it is nothing
    reproduced     same direction, interval excludes the null, at least half the paper's effect
    direction      same direction, interval excludes the null, smaller (or the paper gives no number)
    contradicted   interval excludes the null on the other side
    unresolved     everything else, and whenever there are fewer units than `needed`
    =============  =====================================================================================

    An interval that touches the null does not exclude it. NaN, infinities, a negative delta and an interval
    that does not hold its value raise `BadInput`.
    """
    _check(value, low, high, null, direction, delta, paper)
    if n < max(needed, MINIMUM_N):
        return Verdict("unresolved", f"{n} units are too few, {max(needed, MINIMUM_N)} were promised")
    sign = 1.0 if direction == "above" else -1.0
    nearest, farthest = sorted((sign * (low - null), sign * (high - null)))
    if -delta <= nearest and farthest <= delta:
        return Verdict("absent here", "the whole interval lies within the margin around the null")
    if nearest > 0:
        return _same_direction(sign * (value - null), None if paper is None else sign * (paper - null))
    if farthest < 0:
        return Verdict("contradicted", "the interval excludes the null on the other side")
    return Verdict("unresolved", "the interval holds the null and is wider than the margin")


def exactness(values: Sequence[float], *, target: float, tolerance: float) -> Verdict:
    """Return whether every value equals `target` within `tolerance`: the rule for identities and accounting."""
    if not values:
        return Verdict("unresolved", "nothing was computed")
    if not math.isfinite(target) or not (math.isfinite(tolerance) and tolerance >= 0):
        raise BadInput(
            f"An identity needs a finite target and tolerance, got {target!r} and {tolerance!r}.",
            expected="finite numbers, the tolerance at least 0",
        )
    # Written so that a NaN counts as an error: no comparison with it holds.
    wrong = [value for value in values if not abs(value - target) <= tolerance]
    if wrong:
        return Verdict("not exact", f"{len(wrong)} of {len(values)} cases are off by more than {tolerance:g}")
    return Verdict("exact", f"all {len(values)} cases agree within {tolerance:g}")


def _same_direction(effect: float, paper: float | None) -> Verdict:
    if paper is not None and effect >= 0.5 * paper:
        return Verdict("reproduced", "same direction, and at least half the paper's effect")
    if paper is None:
        reason = "on the claimed side of the null; the paper gives no number on this scale"
    else:
        share = f"{effect / paper:.0%}" if effect >= 0.01 * paper else "under 1%"
        reason = f"on the claimed side of the null, {share} of the paper's effect"
    return Verdict("direction", reason)


def _check(
    value: float, low: float, high: float, null: float, direction: str, delta: float, paper: float | None
) -> None:
    if direction not in DIRECTIONS:
        raise unknown("direction", direction, DIRECTIONS)
    numbers = {"value": value, "low": low, "high": high, "null": null, "delta": delta}
    if paper is not None:
        numbers["paper"] = paper
    for name, number in numbers.items():
        if not math.isfinite(number):
            raise BadInput(
                f"{name} is {number}, and no verdict can rest on it.",
                expected="finite numbers",
                do="look at the record's values: a cut that overflows is a result to report, not to average",
            )
    if delta < 0:
        raise BadInput(f"delta is {delta}.", expected="a margin of at least 0")
    slack = 1e-9 * max(abs(low), abs(high), 1e-300)  # a mean of equal values may be off by one rounding
    if low > high or not low - slack <= value <= high + slack:
        raise BadInput(
            f"The interval [{low}, {high}] does not hold its value {value}.",
            expected="low ≤ value ≤ high",
            do="check the order of the arguments",
        )
    if paper is not None and (paper - null) * (1 if direction == "above" else -1) <= 0:
        raise BadInput(
            f"The paper's number {paper} is not {direction} the null {null}.",
            expected="the paper's effect in the direction of the claim",
            do="state the direction the paper claims, on the scale of the entry",
        )
