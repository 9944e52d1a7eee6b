"""Lesson 01: the super weight."""

from __future__ import annotations

from labkit.course.exercises import Exercise
from labkit.course.lesson_definition import LessonDefinition
from labkit.course.tolerance import number

from .deeper import EXERCISES, OBJECTIVES
from .detecting import DETECTOR, FIND
from .disguise import DISGUISE, JUDGE
from .predictions import PREDICTIONS
from .sealing import HUNT, SEALS

__all__ = ["LESSON"]

_KEEP = "say what one outlier does to rounding, and what keeping it buys"

# Yu et al. 2024, Figure 3: Llama-7B, layer 2. The input spike, the weight, and the output spike.
_SPIKE, _WEIGHT, _OUTPUT = -560.5, -1.9268, 1313.0
_TERM = _SPIKE * _WEIGHT
_BETWEEN = "that a share lies between 0 and 1"


def _rounded(value: float) -> tuple[float, ...]:
    """Return a number as somebody may write it: in full, whole, to three digits."""
    return value, float(round(value)), float(f"{value:.3g}")


SHARE = Exercise(
    id="01.1",
    title="How much of the spike is one weight?",
    minutes=3,
    objective=FIND,
    difficulty="easy",
    task=(
        "In Llama-7B, the down projection of layer 2 receives a vector whose entry 7003 is **-560.5** and writes a "
        "vector whose entry 3968 is **1313**. The weight `layers.2.mlp.down[3968, 7003]` is **-1.9268**. Every "
        "output is a sum over all 11,008 inputs, input times weight. Which **share** of the 1313 comes from this one "
        "weight? Work it out by hand, to two digits."
    ),
    expects="a number between 0 and 1",
    check=number(
        _TERM / _OUTPUT,
        "One product of 11,008 makes four fifths of the sum. The other fifth is 233. The paper's figure shows about "
        "244 once the weight is zeroed: it is drawn after the block, where the stream brings a little of its own.",
        tol=0.005,
        mistakes=[
            (
                abs(_SPIKE) / _OUTPUT,
                "you left the weight out: this is input over output.",
                "what one term of the sum is",
            ),
            *((value, "this is the term itself.", "the word share") for value in _rounded(_TERM)),
            *((value, "this is the share in percent.", _BETWEEN) for value in _rounded(100 * _TERM / _OUTPUT)),
            (0.8, "one digit is too few: it could be anything from 0.75 to 0.85.", "how many digits are asked for"),
            (-_TERM / _OUTPUT, "two negative numbers were multiplied here.", "the sign of their product"),
            (_OUTPUT / _TERM, "you divided the whole by the part.", _BETWEEN),
            (1 - _TERM / _OUTPUT, "this is what all the other weights make.", "which part was asked for"),
        ],
        otherwise=("this is not the share.", "one term of the sum: its input times its weight"),
    ),
    hints=(
        "An output is a sum of products; write down the one product in question.",
        "Which of the three numbers is an input, which a weight, and which is the whole sum?",
        "A share is the part divided by the whole. The part is one product, the whole is what was written.",
    ),
    solution="`-560.5 * -1.9268 / 1313` is about 0.82: four fifths of the largest value come from one term.",
    answer=_TERM / _OUTPUT,
    typical_wrong=(
        (abs(_SPIKE) / _OUTPUT, "left the weight out"),
        (1080, "the term itself"),
        (82, "in percent"),
        (0.18, "all the other weights"),
        (-0.82, "two negative numbers"),
        (1.216, "the whole by the part"),
        (0.8, "one digit"),
        (0.83, "not the share"),
    ),
)


LESSON = LessonDefinition(
    id="01",
    name="01_super_weight",
    title="The super weight",
    question="Which one of 22 million numbers would you destroy?",
    minutes=60,
    objectives=(FIND, JUDGE, _KEEP, *OBJECTIVES),
    exercises=(SHARE, DETECTOR, DISGUISE, *EXERCISES, HUNT, SEALS),
    predictions=PREDICTIONS,
)
