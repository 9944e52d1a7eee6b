"""Lesson 00: cut, compare, restore."""

from __future__ import annotations

import math

from labkit.course.exercises import Exercise
from labkit.course.lesson_definition import LessonDefinition
from labkit.course.tolerance import number

from .control import COMPARE, CONTROL
from .deeper import EXERCISES, OBJECTIVES
from .operation import OPERATE, OPERATION
from .pair import PAIR
from .predictions import PREDICTIONS

__all__ = ["LESSON"]


_PERCENT = [  # the right thing, said otherwise: (value, thought, look_at), to two digits and in full
    (value, thought, "the word factor: twice as much is 2, not 1 and not 200")
    for share, thought in (
        (math.exp(0.16) - 1, "this is the share by which it grows, not the number of times."),
        (100 * (math.exp(0.16) - 1), "this is the growth in percent."),
        (100 * math.exp(0.16), "this is the factor in percent."),
    )
    for value in (share, float(f"{share:.2g}"), float(f"{share:.3g}"))
]

PERPLEXITY = Exercise(
    id="00.1",
    title="From nats to a factor",
    minutes=3,
    objective=COMPARE,
    difficulty="easy",
    task=(
        "A cut raises the loss of a model from 1.20 to 1.36 nats a token. Loss is the average surprise; perplexity "
        "is its exponential, the number of equally likely next tokens the model hesitates between. By what **factor** "
        "does the perplexity grow? Work it out by hand or in one line."
    ),
    expects="a number a little above 1",
    check=number(
        math.exp(0.16),
        "A difference in nats is a ratio of perplexities, whatever the loss was before. So 0.16 nats is 17 % more "
        "hesitation, for a good model and for a bad one.",
        rel=0.004,
        mistakes=[
            (1.36 / 1.20, "you divided the two losses.", "what has to be done to a loss before it is a perplexity"),
            (0.16, "this is the difference in nats.", "the word factor in the task"),
            *_PERCENT,
            (
                math.exp(1.36) - math.exp(1.2),
                "this is the difference of the perplexities.",
                "the word factor in the task",
            ),
            (math.exp(-0.16), "you divided the old perplexity by the new one.", "which of the two is larger"),
            (1.2, "one digit is too few here: a fifth more and a sixth more would look alike.", "the second decimal"),
        ],
        otherwise=("this is not the factor.", "the two perplexities, exp(1.20) and exp(1.36)"),
    ),
    hints=(
        "Turn both losses into perplexities first.",
        "One of the two perplexities is so many times the other: how many times?",
        "exp(a) / exp(b) is exp of something simpler, and you know that something.",
    ),
    solution="`math.exp(1.36 - 1.20)` is about 1.174: the model hesitates between 17 % more tokens.",
    answer=math.exp(0.16),
    typical_wrong=(
        (1.36 / 1.20, "divided the two losses"),
        (0.16, "difference in nats"),
        (0.17, "by which it grows"),
        (117, "in percent"),
        (17.35, "in percent"),
        (0.576, "difference of the perplexities"),
        (0.852, "old perplexity by the new"),
        (1.2, "one digit"),
    ),
)


LESSON = LessonDefinition(
    id="00",
    name="00_cut_compare_restore",
    title="Cut, compare, restore",
    question="Which part can go, and it still knows who has the lantern?",
    minutes=50,
    objectives=(OPERATE, COMPARE, *OBJECTIVES),
    exercises=(PERPLEXITY, OPERATION, CONTROL, *EXERCISES, PAIR),
    predictions=PREDICTIONS,
)
