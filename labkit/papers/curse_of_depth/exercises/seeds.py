"""Exercise 08.3: a difference between two ways of training against a difference between seeds."""

from __future__ import annotations

import random
import statistics
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from labkit.course.exercises import Exercise, NotAttempted, Outcome, is_blank, right, wrong

__all__ = ["JUDGE_SEEDS", "SEEDS"]

SEEDS = "tell a difference between two ways of training from a difference between seeds"
_WORDS = ("first", "second", "neither")
_T = 2.776  # Student's, 4 degrees of freedom, 95 %


class _Case(NamedTuple):
    """Losses by seed of two ways of training, and which is lower by more than its seeds."""

    first: list[float]
    second: list[float]
    truth: str


def _cases() -> list[_Case]:
    """Return cases of which each shortcut misses one; those next to the interval's end are made to lie there."""
    draw = random.Random(83)

    def case(shape: Sequence[float], t: float, size: float, spread: float = 0.05) -> _Case:
        """Return gaps of this shape, moved so that their mean is `t` standard errors from 0."""
        middle = statistics.mean(shape)
        error = statistics.stdev(shape) / len(shape) ** 0.5
        gaps = [size * (value - middle + t * error) for value in shape]
        first = [1.5 + draw.gauss(0, spread) for _ in gaps]
        truth = "neither" if abs(t) < _T else "second" if t < 0 else "first"
        return _Case(first, [a + gap for a, gap in zip(first, gaps)], truth)

    even, skew, lone = (-2, 1, 0, 2, -1), (0, 1, 2, 1, 11), (-1, -2, -1, -3, -30)
    mixed = [1.51, 1.47, 1.53, 1.49, 1.55]
    return [
        case(even, -6.0, 0.004),  # every pair says so, and the two spreads overlap
        case(even, 5.0, 0.004),
        case(skew, -2.74, 0.002),  # just inside and just outside, on both sides
        case(skew, 2.74, 0.002),
        case(skew, 2.81, 0.002),
        case(skew, -2.81, 0.002),
        case(lone, statistics.mean(lone) / (statistics.stdev(lone) / 5**0.5), 0.001),  # all of one sign, and not apart
        case((-1, -1.1, -0.9, -1.05, 0), -3.6, 0.02),  # apart, though one pair says otherwise
        _Case(mixed, [value - 0.01 for value in mixed[2:] + mixed[:2]], "neither"),  # sorted, they would look paired
        case(even, 1.0, 0.2, 0.01),  # a mean far from 0, and seeds further
        case(even, -8.0, 0.0001),  # a mean next to 0, and seeds nearer
        _Case(mixed, list(mixed), "neither"),
    ]


def _check(judge: Callable[..., Any]) -> Outcome:
    cases, said = _cases(), []
    for first, second, _ in cases:
        try:
            word = judge(list(first), list(second))
        except ZeroDivisionError:
            return wrong(
                "two equal lists have gaps without any spread, and you divide by it.", "an interval, not a ratio"
            )
        if is_blank(word):
            raise NotAttempted
        if word not in _WORDS:
            return wrong(f"{word!r} is no verdict.", 'the three words: "first", "second", "neither"')
        said.append(word)
    if said == [case.truth for case in cases]:
        return right(
            "Pair first, then ask whether the interval of the difference holds 0. One seed each tells nothing."
        )
    for slip, thought, look_at in _SLIPS:
        if said == [slip(*case[:2]) for case in cases]:
            return wrong(thought, look_at)
    missed = [(word, case.truth) for word, case in zip(said, cases) if word != case.truth]
    if all(truth == "neither" for _, truth in missed):
        return wrong(
            "you name a winner where the interval still holds 0: yours is too narrow.",
            "2.776 and no other factor, and statistics.stdev, which divides by 4, not pstdev, which divides by 5",
        )
    if all(word == "neither" for word, _ in missed):
        return wrong(
            "a difference that the seeds show is lost to you: your interval is too wide.",
            "2.776 and no other factor, √5 beneath the spread, and the gaps seed by seed",
        )
    return wrong("some verdicts differ, in both directions.", "the interval of the mean gap, and on which side 0 lies")


def _verdict(gaps: Sequence[float], half: float, middle: float | None = None) -> str:
    middle = statistics.mean(gaps) if middle is None else middle
    return "second" if middle + half < 0 else "first" if middle - half > 0 else "neither"


def _gaps(first: Sequence[float], second: Sequence[float]) -> list[float]:
    return [b - a for a, b in zip(first, second)]


def _judge(first: Sequence[float], second: Sequence[float], factor: float = _T) -> str:
    gaps = _gaps(first, second)
    return _verdict(gaps, factor * statistics.stdev(gaps) / len(gaps) ** 0.5)


def _by_means(first: Sequence[float], second: Sequence[float]) -> str:
    return _verdict(_gaps(first, second), 0.0)


def _by_two_intervals(first: Sequence[float], second: Sequence[float]) -> str:
    (a, half_a), (b, half_b) = ((statistics.mean(one), _T * statistics.stdev(one) / 5**0.5) for one in (first, second))
    return "second" if b + half_b < a - half_a else "first" if a + half_a < b - half_b else "neither"


def _unpaired(first: Sequence[float], second: Sequence[float]) -> str:
    error = ((statistics.variance(first) + statistics.variance(second)) / 5) ** 0.5
    return _verdict(_gaps(first, second), 2.306 * error)


def _by_signs(first: Sequence[float], second: Sequence[float], needed: int = 5) -> str:
    gaps = _gaps(first, second)
    lower, higher = sum(gap < 0 for gap in gaps), sum(gap > 0 for gap in gaps)
    return "second" if lower >= needed else "first" if higher >= needed else "neither"


def _sorted_first(first: Sequence[float], second: Sequence[float]) -> str:
    return _judge(sorted(first), sorted(second))


def _by_median(first: Sequence[float], second: Sequence[float]) -> str:
    gaps = _gaps(first, second)
    return _verdict(gaps, _T * statistics.stdev(gaps) / 5**0.5, statistics.median(gaps))


def _swapped(first: Sequence[float], second: Sequence[float]) -> str:
    return {"first": "second", "second": "first", "neither": "neither"}[_judge(first, second)]


def _with_pstdev(first: Sequence[float], second: Sequence[float]) -> str:
    gaps = _gaps(first, second)
    return _verdict(gaps, _T * statistics.pstdev(gaps) / 5**0.5)


_PAIRS = "the pairs: both losses of one seed come from the same texts in the same order"
_SLIPS: tuple[tuple[Callable[..., str], str, str], ...] = (
    (
        _by_means,
        "you name a winner wherever the means differ. Two means always differ.",
        "an interval of the difference, and whether it holds 0",
    ),
    (_by_two_intervals, "a difference that every seed shows is lost to you: you compared two spreads.", _PAIRS),
    (_unpaired, "a difference that every seed shows is lost to you: you put two spreads together.", _PAIRS),
    (
        _by_signs,
        "you count in how many pairs the second is lower. Five of five may come of one that is far off.",
        "the size of the gaps: their mean, and their spread",
    ),
    (
        lambda first, second: _by_signs(first, second, 4),
        "you count in how many pairs the second is lower. Five of five may come of one that is far off.",
        "the size of the gaps: their mean, and their spread",
    ),
    (_sorted_first, "you sorted the lists, and lost which two losses belong to one seed.", _PAIRS),
    (_by_median, "the interval stands around the mean; you took the median.", "the formula: mean ± 2.776 · s/√5"),
    (_swapped, "the winner is the other one.", "lower is better"),
)

JUDGE_SEEDS = Exercise(
    id="08.3",
    title="Is it more than the seed?",
    minutes=6,
    objective=SEEDS,
    difficulty="medium",
    task=(
        "Two ways of training were tried with the same five seeds; a seed decides the first values and the texts. "
        "Write `judge(first, second)` for the two lists of losses, seed by seed. It returns `'first'` or `'second'`, "
        "whichever is **lower**, when the 95 % interval of the difference leaves out 0, and `'neither'` otherwise. For "
        "a mean of five values the interval is the mean ± 2.776 · s/√5, where s is their sample standard deviation."
    ),
    expects="a function of two lists of five losses that returns 'first', 'second' or 'neither'",
    check=_check,
    hints=(
        "Do not compare two means, each with its spread: subtract seed by seed first.",
        "statistics.mean and statistics.stdev of the five gaps are all you need.",
        "The interval has two ends. If both lie below 0, the second is lower; if both lie above, the first.",
    ),
    solution=(
        "```python\n"
        "def judge(first, second):\n"
        "    gaps = [b - a for a, b in zip(first, second)]\n"
        "    half = 2.776 * statistics.stdev(gaps) / 5 ** 0.5\n"
        "    if statistics.mean(gaps) + half < 0:\n"
        "        return 'second'\n"
        "    return 'first' if statistics.mean(gaps) - half > 0 else 'neither'\n"
        "```\n"
        "Seeds differ by more than methods do; pairs can take that out. The paper's tables have one seed each."
    ),
    answer=_judge,
    typical_wrong=(
        (_by_means, "always differ"),
        (_by_two_intervals, "two spreads"),
        (_unpaired, "two spreads"),
        (_by_signs, "how many pairs"),
        (_sorted_first, "which two losses belong"),
        (_by_median, "the median"),
        (_with_pstdev, "divides by 4"),
        (lambda first, second: _judge(first, second, 1.96), "too narrow"),
        (lambda first, second: _judge(first, second, 2.571), "too narrow"),
        (lambda first, second: _judge(first, second, 3.0), "too wide"),
        (lambda first, second: _judge(first, second, _T * 5**0.5), "too wide"),
    ),
)
