"""Average precision by hand, and in code with ties."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from labkit.course import Exercise, number, right, wrong
from labkit.course.exercises import NotAttempted, Outcome, is_blank
from labkit.course.tolerance import close_to

__all__ = ["BY_HAND", "IN_CODE", "RANK"]

RANK = "rank neurons by average precision, and say what a tie does to it"

BY_HAND = Exercise(
    id="11.1",
    title="Average precision by hand",
    minutes=3,
    objective=RANK,
    difficulty="easy",
    task=(
        "A neuron's outputs on six prompts, from the highest to the lowest, belong to: **father**, sport, **father**, "
        "island, sport, **father**. Go down the list. At each father prompt, note which share of the prompts so far "
        "are about the father. The mean of these three shares is the neuron's average precision. What is it?"
    ),
    expects="a number between 0 and 1",
    check=number(
        13 / 18,
        "(1 + 2/3 + 3/6) / 3. A perfect neuron has 1; one with the same output for all six has one half here.",
        tol=6e-3,
        mistakes=[
            (0.5, "you gave the share of father prompts among all six.", "the list from the top, one father at a time"),
            (2 / 3, "you took the first three prompts alone.", "all three father prompts, the last one too"),
            (
                (1 + 0.5 + 2 / 3 + 0.5 + 0.4 + 0.5) / 6,
                "you averaged over every place of the list.",
                "places of fathers",
            ),
            ((1 + 2 / 3 + 1 / 2) / 6, "you divided by six.", "how many shares you add up"),
            (1 + 2 / 3 + 1 / 2, "you added the three shares: this is no mean yet.", "how many shares you add up"),
            (5 / 9, "you counted pairs in the right order: that is another score.", "shares of the list so far"),
        ],
        otherwise=("this is not the mean of the three shares.", "places 1, 3 and 6"),
    ),
    hints=(
        "Only the places with a father count: the first, the third and the sixth.",
        "At the third place two of three are fathers.",
        "One whole, two thirds and three sixths: take their mean.",
    ),
    solution="(1/1 + 2/3 + 3/6) / 3 = 13/18, about 0.72.",
    answer=13 / 18,
    typical_wrong=(
        (0.5, "among all six"),
        (2 / 3, "first three"),
        (0.594, "every place"),
        (0.361, "divided by six"),
        (5 / 9, "pairs"),
        (13 / 6, "no mean yet"),
        (0.9, "not the mean"),
    ),
)


def _ap(scores: Sequence[float], labels: Sequence[int]) -> float:
    """Return average precision; equal scores are one threshold."""
    total = 0.0
    for threshold in sorted(set(scores), reverse=True):
        above = [label for score, label in zip(scores, labels) if score >= threshold]
        new = sum(label for score, label in zip(scores, labels) if score == threshold)
        total += new * sum(above) / len(above)
    return total / sum(labels)


def _ap_by_place(key: Callable[[tuple[float, int]], Any]) -> Callable[..., float]:
    """Return average precision by going down a list sorted in some way, as if no two scores were equal."""

    def ap(scores: Sequence[float], labels: Sequence[int]) -> float:
        seen = [label for _, label in sorted(zip(scores, labels), key=key)]
        hits = [sum(seen[: place + 1]) / (place + 1) for place, label in enumerate(seen) if label]
        return sum(hits) / len(hits)

    return ap


def _auc(scores: Sequence[float], labels: Sequence[int]) -> float:
    yes = [s for s, label in zip(scores, labels) if label]
    no = [s for s, label in zip(scores, labels) if not label]
    return sum((a > b) + 0.5 * (a == b) for a in yes for b in no) / (len(yes) * len(no))


def _every_place(scores: Sequence[float], labels: Sequence[int]) -> float:
    seen = [label for _, label in sorted(zip(scores, labels), key=lambda pair: -pair[0])]
    return sum(sum(seen[: i + 1]) / (i + 1) for i in range(len(seen))) / len(seen)


def _over_thresholds(scores: Sequence[float], labels: Sequence[int]) -> float:
    precisions = []
    for threshold in sorted(set(scores)):
        above = [label for score, label in zip(scores, labels) if score >= threshold]
        precisions.append(sum(above) / len(above))
    return sum(precisions) / len(precisions)


def _found_so_far(scores: Sequence[float], labels: Sequence[int]) -> float:
    total = 0.0
    for threshold in set(scores):
        above = [label for score, label in zip(scores, labels) if score >= threshold]
        total += sum(above) ** 2 / len(above)
    return total / sum(labels)


_lucky = _ap_by_place(lambda pair: (-pair[0], -pair[1]))
_unlucky = _ap_by_place(lambda pair: (-pair[0], pair[1]))
_as_listed = _ap_by_place(lambda pair: -pair[0])
_upside_down = _ap_by_place(lambda pair: pair[0])
_CASES: tuple[tuple[tuple[float, ...], tuple[int, ...]], ...] = (
    ((3.0, 1.0, 2.0, -1.0, 0.5, -2.0), (1, 0, 0, 1, 1, 0)),
    ((1.0, 1.0, 1.0, 1.0, 1.0), (0, 0, 1, 0, 0)),  # a dead neuron
    ((0.2, 0.9, 0.9, 0.4, 0.4, 0.4, -0.1), (0, 1, 0, 1, 0, 0, 1)),
    ((-5.0, -4.0, -3.0, -2.0), (0, 0, 1, 1)),
    ((2.0, 2.0, 2.0, 1.0), (1, 1, 0, 0)),  # two fathers in one tie
)
_SLIPS = (
    (_lucky, "within a tie you let the father prompts go first: a dead neuron becomes perfect.", "five equal scores"),
    (_unlucky, "within a tie you let the father prompts go last.", "five equal scores"),
    (_as_listed, "within a tie you let the order of the list decide.", "five equal scores"),
    (_found_so_far, "`new` holds all fathers so far: each is counted again and again.", "R_n − R_{n−1}"),
    (
        _upside_down,
        "your list starts with the lowest output.",
        "scores -5, -4, -3, -2: the last two are fathers",
    ),
    (
        _auc,
        "this is the share of pairs in the right order (the area under the ROC curve).",
        "a dead neuron: 0.5 or 0.2?",
    ),
    (_every_place, "you averaged over all prompts, not over the father prompts.", "what you divide by"),
    (_over_thresholds, "each threshold counts once in your mean.", "how many fathers are new at a threshold"),
)


def _check_ap(ap: Callable[..., Any]) -> Outcome:
    given = [ap(list(scores), list(labels)) for scores, labels in _CASES]
    if any(is_blank(one) for one in given):
        raise NotAttempted
    given = [float(one) for one in given]

    def same(other: Callable[..., float]) -> bool:
        return all(close_to(one, other(*case), tol=1e-6) for one, case in zip(given, _CASES))

    if same(_ap):
        return right(
            "Equal scores stand or fall together, so a neuron that says the same to all scores the share, 0.2."
        )
    for slip, thought, look_at in _SLIPS:
        if same(slip):
            return wrong(thought, look_at)
    one, case = next((one, case) for one, case in zip(given, _CASES) if not close_to(one, _ap(*case), tol=1e-6))
    scores, labels = map(list, case)
    return wrong(
        "this is not the average precision.",
        f"scores {scores}, labels {labels}: yours is {one:.3g}, AP is {_ap(*case):.3g}",
    )


IN_CODE = Exercise(
    id="11.2",
    title="Average precision with ties",
    minutes=6,
    objective=RANK,
    task=(
        "Write `ap(scores, labels)` for one neuron: AP = Σ (R_n − R_{n−1}) P_n over its distinct scores as thresholds, "
        "from the highest. P is the share of fathers (label 1) among the prompts at or above a threshold, R the share "
        "of all fathers found so far. Prompts with **equal** scores come in together. Two lines are missing."
    ),
    expects="a function of two lists, scores and labels, that returns a number",
    check=_check_ap,
    hints=(
        "Take a threshold. Which prompts are at or above it?",
        "The recall grows by the fathers that are new at this threshold, as a share of all fathers.",
        "`above` collects the labels of scores >= threshold, `new` counts fathers with score == threshold.",
    ),
    solution=(
        "```python\n"
        "def ap(scores, labels):\n"
        "    total = 0.0\n"
        "    for threshold in sorted(set(scores), reverse=True):\n"
        "        above = [label for score, label in zip(scores, labels) if score >= threshold]\n"
        "        new = sum(label for score, label in zip(scores, labels) if score == threshold)\n"
        "        total += new / sum(labels) * sum(above) / len(above)\n"
        "    return total\n"
        "```\n"
        "Going down the sorted list one prompt at a time would let the order of the file decide a tie."
    ),
    answer=_ap,
    typical_wrong=(
        (_lucky, "go first"),
        (_unlucky, "go last"),
        (_as_listed, "order of the list"),
        (_found_so_far, "all fathers so far"),
        (_upside_down, "lowest"),
        (_auc, "ROC"),
        (_every_place, "all prompts"),
        (_over_thresholds, "counts once"),
    ),
)
