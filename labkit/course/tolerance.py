"""Numbers in lessons: printed to be compared, judged with a tolerance, guarded where prose leans on them."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from labkit.base.errors import BadInput, LabkitError
from labkit.base.speech import say

from .exercises import Outcome, right, wrong

__all__ = ["close_to", "holds", "number", "report"]


def report(value: Any, digits: int = 2, label: str = "", unit: str = "") -> None:
    """Print a number (or a measurement with its interval) rounded to `digits` decimals, for cells that tests compare.

    Choose `digits` so that another machine rounds the same way; what needs a tolerance belongs in `close_to`.
    """
    low, high = getattr(value, "low", None), getattr(value, "high", None)
    unit = unit or getattr(value, "unit", "")
    middle = _decimal(getattr(value, "value", value), digits)
    interval = f" [{_decimal(low, digits)}, {_decimal(high, digits)}]" if low is not None and high is not None else ""
    print((f"{label}: " if label else "") + middle + interval + (f" {unit}" if unit else ""))


def holds(condition: Any, sentence: str) -> None:
    """Say `sentence` if `condition` is true; otherwise raise, so that prose never outlives its numbers."""
    if not bool(condition):
        raise LabkitError(
            f"This sentence is no longer true here: {sentence}",
            expected="the condition beside it to hold",
            do="look at the numbers above; with another model the finding may differ",
        )
    say(sentence)


def close_to(value: float, target: float, *, rel: float = 0.0, tol: float = 0.0) -> bool:
    """Say whether `value` is within `rel` (relative) or `tol` (absolute) of `target`; one of the two must be given."""
    if rel <= 0 and tol <= 0:
        raise BadInput("close_to was given no tolerance.", expected="rel=... or tol=... above zero")
    return math.isclose(float(value), float(target), rel_tol=rel, abs_tol=tol)


def number(
    target: float | Callable[[], float],
    because: str,
    *,
    rel: float = 0.0,
    tol: float = 0.0,
    mistakes: Sequence[tuple[float | Callable[[], float], str, str]] = (),
    otherwise: tuple[str, str] = ("this is not the number.", "the unit, and which two things are compared"),
) -> Callable[[Any], Outcome]:
    """Return a check for a number; `mistakes` are (value, thought, look_at) for the numbers that wrong ways lead to.

    Targets may be functions without arguments: they are computed when an answer comes, not when labkit is imported.
    """

    def check(given: Any) -> Outcome:
        value = float(getattr(given, "value", given))
        if close_to(value, _now(target), rel=rel, tol=tol):
            return right(because)
        for mistake, thought, look_at in mistakes:
            if close_to(value, _now(mistake), rel=rel, tol=tol):
                return wrong(thought, look_at)
        return wrong(*otherwise)

    return check


def _now(target: float | Callable[[], float]) -> float:
    return float(target() if callable(target) else target)


def _decimal(value: Any, digits: int) -> str:
    rounded = f"{float(value):.{digits}f}"
    return rounded.removeprefix("-") if float(rounded) == 0 else rounded  # no "-0.00"
