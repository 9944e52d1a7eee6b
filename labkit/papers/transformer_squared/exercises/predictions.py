"""What the reader of lesson 07 is asked before anything runs, and what decides it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from labkit.course import Prediction

__all__ = ["PREDICTIONS"]


def _dearer(lost: Sequence[float]) -> int:
    top, half = lost
    return 0 if top > half + 0.05 else 1 if half > top + 0.05 else 2


def _reached(share: float) -> int:
    return 0 if share < 0.45 else 1 if share < 0.9 else 2


def _flat(grades: Mapping[str, Any]) -> int:
    tasks, kept = grades["z"].tasks, 0
    for task in tasks:
        base, whole, flat = (grades[name][task] for name in ("no expert", "z", "z flattened"))
        kept += flat - base >= 0.9 * (whole - base)
    return 0 if kept == 0 else 2 if kept == len(tasks) else 1


def _absent(share: float) -> int:
    return 0 if share >= 0.9 else 1 if share >= 0.2 else 2


def _told(share: float) -> int:
    return 0 if share < 0.2 else 1 if share < 0.85 else 2


def _best(means: Mapping[str, float]) -> int | tuple[int, ...]:
    values = list(means.values())
    tied = tuple(place for place, value in enumerate(values) if value > max(values) - 0.02)
    return tied if len(tied) > 1 else tied[0]


def _where(shares: tuple[float, float]) -> int:
    return 2 if min(shares) == 0 else 0 if min(shares) >= 1 else 1


PREDICTIONS = (
    Prediction(
        id="r1",
        question="Two ways of training were compared at one learning rate, and one of them won. What has been shown?",
        options=(
            "the winner is the better way of training",
            "at this rate the winner is ahead; each may want a rate of its own",
            "nothing: losses cannot be compared",
            "the rate was well chosen",
        ),
        answer=1,
        because="Lesson 08: whoever takes one rate for both has a hand in who wins.",
    ),
    Prediction(
        id="r2",
        question="A weight is changed and the answers change. What has to be measured beside it?",
        options=(
            "the same weight in another model",
            "the largest weight of the model",
            "other weights like it, put through the same operation",
            "nothing, the change is the finding",
        ),
        answer=2,
        because="Lesson 01: without a matched control nobody knows what any such change would have done.",
    ),
    Prediction(
        id="p1",
        question="A part of the spectrum is removed in all 21 matrices. Which costs more right answers?",
        options=("the top 5 percent, five of 96", "the bottom half, 48 of 96", "both about the same"),
        answer=_dearer,
        because="Five loud terms of each matrix are worth more than 48 quiet ones.",
    ),
    Prediction(
        id="p2",
        question="After forty steps of right and wrong, how often does the model sort?",
        options=("no more often than before", "about two times in three", "more than nine times in ten"),
        answer=_reached,
        because="The skill was there; what had to be learned is when to prefer it.",
    ),
    Prediction(
        id="p3",
        question=(
            "Every z of a matrix is replaced by their mean: 21 numbers instead of 2,016. For how many of the three "
            "experts is nearly all of the gain left?"
        ),
        options=(
            "none: each number belongs to its direction",
            "one or two of them",
            "all three: volume is all there is",
        ),
        answer=_flat,
        because="Nearly all: at least nine tenths of what the expert gains over the base.",
    ),
    Prediction(
        id="p4",
        question="Sixty steps of right and wrong for rotate. How often is it right afterwards?",
        options=("more than nine times in ten", "about half of the time", "hardly ever"),
        answer=_absent,
        because="It is right by accident only, where sorting says the same: there is next to nothing to make likelier.",
    ),
    Prediction(
        id="p5",
        question="The same z, the same steps, but the right answers are shown. How often is rotate right afterwards?",
        options=(
            "hardly ever: rescaling singular values adds no skill",
            "about half of the time",
            "nearly always: the numbers can hold it, the reward could not say it",
        ),
        answer=_told,
        because="What was missing was the right answer, not room for it.",
    ),
    Prediction(
        id="p6",
        question="Which strategy answers most of the unseen questions rightly?",
        options=("A, the prompt", "B, the classifier", "C, few shots"),
        answer=_best,
        because="A label names one expert at full strength; the search may turn it down. Within two points is a tie.",
    ),
    Prediction(
        id="p7",
        question="Half of the questions are sums, half are words of five letters. Where is the best pair of shares?",
        options=("both experts at full strength", "both, and at least one turned down", "one expert alone"),
        answer=_where,
        because="Each expert spoils a little of what the other is for.",
    ),
)
