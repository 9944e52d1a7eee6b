"""Lesson 02: which layers matter."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from labkit.course.exercises import Exercise, NotAttempted, Outcome, is_blank, right, wrong
from labkit.course.lesson_definition import LessonDefinition
from labkit.course.tolerance import number

from . import quiet
from .deeper import EXERCISES, OBJECTIVES
from .predictions import PREDICTIONS

__all__ = ["LESSON"]

_SCORE = "compute how much a part turns the residual stream, and say what that score cannot see"
_CHOOSE = "choose parts to drop by a score, and compare strategies at equal counts"

# x = (12, 16) and a part that adds (4, -3), at right angles: r = 5 / 20.
_TURN = 1 - 1 / (1 + (5 / 20) ** 2) ** 0.5
_SHORT = 1 - 1 / 2**0.5  # the same part on a stream of length 5

BY_HAND = Exercise(
    id="02.1",
    title="One score by hand",
    minutes=4,
    objective=_SCORE,
    difficulty="easy",
    task=(
        "At one token the stream is **x = (12, 16)**, 20 long. A part adds **(4, -3)**, so that the stream goes on as "
        "y = (16, 13). What is the part's score, **S = 1 - cos(x, y)**? Work it out by hand, to three decimals. (The "
        "product x · y is 400; y is 20.616 long.)"
    ),
    expects="a number between 0 and 2",
    check=number(
        _TURN,
        "And had the stream been a quarter as long, (3, 4), the same addition would have scored 0.293. The part does "
        "the same; the stream it adds to is longer. Streams grow from block to block, and scores shrink with it.",
        tol=0.001,
        mistakes=[
            (1 - _TURN, "this is the cosine: 1 would say that nothing was turned.", "the 1 in front of it"),
            (
                1.0,
                "you compared the stream with what is added: these two are at right angles.",
                "the two vectors between which the angle is taken; the residual belongs to y",
            ),
            (
                _SHORT,
                "this is the score on a stream that is a quarter as long.",
                "the length of x: the square root of 12² + 16²",
            ),
            (0.5 * (5 / 20) ** 2, "this is r² / 2, which S comes close to when r is small.", "the square root"),
            (0.24498, "this is the angle itself.", "the cosine of it, which S is taken from"),
            (5 / 20, "this is how long the addition is beside the stream.", "the angle between x and y"),
        ],
        otherwise=("this is not the score.", "x · y divided by both lengths, and what is left to 1"),
    ),
    hints=(
        "The cosine is x · y divided by the length of x and by the length of y.",
        "That is 400 / (20 · 20.616).",
        "Take it from 1.",
    ),
    solution=(
        "`1 - 400 / (20 * 20.616)` is about 0.030. At right angles S is `1 - 1 / (1 + r²) ** 0.5` with r = 5 / 20, and "
        "nearly half of r²."
    ),
    answer=_TURN,
    typical_wrong=(
        (1 - _TURN, "this is the cosine"),
        (1.0, "at right angles"),
        (_SHORT, "a quarter as long"),
        (5 / 20, "how long the addition is"),
        (0.03125, "r² / 2"),
        (0.245, "the angle itself"),
    ),
)


def _cases() -> list[tuple[list[float], list[float], int]]:
    """Return scores and n: the kinds mixed, apart, of unequal length; nothing to drop, one to drop, and all."""
    from random import Random

    random = Random(202)
    drawn = [random.sample(range(1, 1000), size) for size in (12, 5, 3)]
    fresh = [[score / 1000 for score in one] for one in drawn]
    return [
        (fresh[0][:6], fresh[0][6:], 5),
        ([0.5, 0.4, 0.3, 0.1], [0.05, 0.2, 0.06, 0.07], 4),
        ([0.01, 0.02, 0.03], [0.9, 0.8, 0.7], 2),
        (fresh[2], fresh[1], 4),
        (fresh[0][:6], fresh[0][6:], 0),
        (fresh[2], [0.0015], 1),
        (fresh[0][:6], fresh[0][6:], 12),
    ]


def _joint(attention: list[float], mlp: list[float], n: int) -> list[tuple[str, int]]:
    scored = [(score, "attention", layer) for layer, score in enumerate(attention)]
    scored += [(score, "mlp", layer) for layer, score in enumerate(mlp)]
    return [(kind, layer) for _, kind, layer in sorted(scored)[:n]]


def _joint_highest(attention: list[float], mlp: list[float], n: int) -> list[tuple[str, int]]:
    return _joint([-score for score in attention], [-score for score in mlp], n)


def _joint_each(attention: list[float], mlp: list[float], n: int) -> list[tuple[str, int]]:
    by_kind = (("attention", attention), ("mlp", mlp))
    return [
        (kind, layer) for kind, scores in by_kind for layer in sorted(range(len(scores)), key=scores.__getitem__)[:n]
    ]


def _joint_scaled(attention: list[float], mlp: list[float], n: int) -> list[tuple[str, int]]:
    return _joint(*([score / max(scores) for score in scores] for scores in (attention, mlp)), n)


def _joint_by_layer(attention: list[float], mlp: list[float], n: int) -> list[tuple[str, int]]:
    return sorted(_joint(attention, mlp, n), key=lambda pair: pair[1])


def _joint_attentions_first(attention: list[float], mlp: list[float], n: int) -> list[tuple[str, int]]:
    return sorted(_joint(attention, mlp, len(attention) + len(mlp)))[:n]


def _joint_one_more(attention: list[float], mlp: list[float], n: int) -> list[tuple[str, int]]:
    return _joint(attention, mlp, n + 1)


def _check_joint(joint: Callable[..., Any]) -> Outcome:
    for attention, mlp, n in _cases():
        given, wanted = joint(list(attention), list(mlp), n), _joint(attention, mlp, n)
        if is_blank(given):
            raise NotAttempted
        try:
            found = [(str(kind), int(layer)) for kind, layer in given]
        except (TypeError, ValueError):
            return wrong('these are not pairs such as ("mlp", 3).', "what each entry of the list holds, and its order")
        if found == wanted:
            continue
        if n and set(found) == set(_joint_highest(attention, mlp, n)):
            return wrong("you dropped what turns the stream most.", "whether a low score or a high one says redundant")
        if n and set(found) == set(_joint_each(attention, mlp, n)):
            return wrong(f"you dropped {n} of each kind.", "how many parts are to go in all")
        if len(found) != n:
            return wrong(f"this drops {len(found)} parts; {n} are to go.", "the n in the call")
        if set(found) == set(wanted):
            return wrong(
                "the right parts, in another order. A plan is cut short at any count, so its order matters.",
                "which part is to go first",
            )
        return wrong("these are not the lowest scores of one list.", "a list that holds both kinds, sorted once")
    return right("One list, one sort. The first drops are whatever scores low, of either kind.")


JOINT = Exercise(
    id="02.2",
    title="Joint dropping, two lines missing",
    minutes=5,
    objective=_CHOOSE,
    task=(
        "`attention` and `mlp` hold one score per layer. *Joint Layer Drop* puts them into one list and drops the `n` "
        'lowest. Return them as pairs such as `("mlp", 3)`, in the order in which they go. Two lines are missing.'
    ),
    expects="a function of (attention, mlp, n) that returns n pairs (kind, layer)",
    check=_check_joint,
    hints=(
        "Sort one list whose entries begin with the score.",
        "Add the MLPs to the list as the attentions were added, then sort and keep the first n.",
        "Python sorts tuples by their first entry. What is to be returned leaves that entry out.",
    ),
    solution=(
        "```python\n"
        "def joint(attention, mlp, n):\n"
        '    scored = [(score, "attention", layer) for layer, score in enumerate(attention)]\n'
        '    scored += [(score, "mlp", layer) for layer, score in enumerate(mlp)]\n'
        "    return [(kind, layer) for _, kind, layer in sorted(scored)[:n]]\n"
        "```\n"
        '`labkit.one_shot(model, texts, n, "joint")` does the same and returns a plan.'
    ),
    answer=_joint,
    typical_wrong=(
        (_joint_highest, "turns the stream most"),
        (_joint_each, "of each kind"),
        (_joint_scaled, "another order"),
        (_joint_by_layer, "another order"),
        (_joint_attentions_first, "not the lowest"),
        (_joint_one_more, "are to go"),
    ),
)


LESSON = LessonDefinition(
    id="02",
    name="02_what_matters",
    title="What matters in transformers?",
    question="No number rules ours; does a layer?",
    minutes=60,
    objectives=(_SCORE, _CHOOSE, quiet.OBJECTIVE, *OBJECTIVES),
    exercises=(BY_HAND, JOINT, quiet.QUIET, *EXERCISES),
    predictions=PREDICTIONS,
)
