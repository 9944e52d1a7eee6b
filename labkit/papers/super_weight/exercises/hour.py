"""Lesson 01: the super weight."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from labkit.course.exercises import Exercise, NotAttempted, Outcome, is_blank, right, wrong
from labkit.course.lesson_definition import LessonDefinition
from labkit.course.numbers import number

from .deeper import EXERCISES, OBJECTIVES
from .disguise import DISGUISE, JUDGE
from .predictions import PREDICTIONS

__all__ = ["LESSON"]

_FIND = "find the one weight that a model leans on, with one forward pass"
_KEEP = "say what one outlier does to rounding, and what keeping it buys"

# Yu et al. 2024, Figure 3: Llama-7B, layer 2. The input spike, the weight, and the output spike.
_SPIKE, _WEIGHT, _OUTPUT = -560.5, -1.9268, 1313.0

SHARE = Exercise(
    id="01.1",
    title="How much of the spike is one weight?",
    minutes=4,
    objective=_FIND,
    difficulty="easy",
    task=(
        "In Llama-7B, the down projection of layer 2 receives a vector whose entry 7003 is **-560.5** and writes a "
        "vector whose entry 3968 is **1313**. The weight `layers.2.mlp.down[3968, 7003]` is **-1.9268**. Every "
        "output is a sum over all 11,008 inputs, input times weight. Which **share** of the 1313 comes from this one "
        "weight? Work it out by hand, to two digits."
    ),
    expects="a number between 0 and 1",
    check=number(
        _SPIKE * _WEIGHT / _OUTPUT,
        "One product of 11,008 makes four fifths of the sum. The other fifth stays when the weight is zeroed, and the "
        "paper's figure shows just that: 1313 falls to about 244.",
        tol=0.01,
        mistakes=[
            (
                abs(_SPIKE) / _OUTPUT,
                "you left the weight out: this is input over output.",
                "what one term of the sum is",
            ),
            (_SPIKE * _WEIGHT, "this is the term itself.", "the word share"),
            (1 - _SPIKE * _WEIGHT / _OUTPUT, "this is what all the other weights make.", "which part was asked for"),
        ],
        otherwise=("this is not the share.", "one term of the sum: its input times its weight"),
    ),
    hints=(
        "An output is a sum of products; write down the one product in question.",
        "The product is -560.5 times -1.9268.",
        "Divide the product by 1313.",
    ),
    solution="`-560.5 * -1.9268 / 1313` is about 0.82: four fifths of the largest value come from one term.",
    answer=_SPIKE * _WEIGHT / _OUTPUT,
    typical_wrong=((abs(_SPIKE) / _OUTPUT, "left the weight out"), (_SPIKE * _WEIGHT, "the term itself")),
)


def _case(seed: int) -> tuple[Any, Any, tuple[int, int]]:
    """Return inputs [L, F], a weight [D, F] and the place with the largest contribution, which no shortcut finds.

    Not the largest weight or input, not the first token, and negative: seeds differ in which factor makes it so.
    """
    import torch

    generator = torch.Generator().manual_seed(seed)
    x_LF = torch.randn(9, 14, generator=generator)
    w_DF = torch.randn(6, 14, generator=generator)
    spike, weight = (-20.0, 2.5) if seed % 2 else (20.0, -2.5)
    x_LF[0, 3], x_LF[1 + seed, 8] = 30.0, spike  # the largest input sits beside small weights
    w_DF[:, 3] *= 0.01
    w_DF[:, 8] *= 0.1
    w_DF[4, 8] = weight
    x_LF[1:, 5], w_DF[2, 5] = 4.0, 2.0  # at every later token a little: more in sum than the spike at its one token
    x_LF[:, 11] *= 0.1
    w_DF[1, 11] = 9.0  # the largest weight reads nothing large
    x_LF[6, 9], w_DF[3, 9] = spike / -2, weight  # half as much, upwards
    return x_LF, w_DF, (4, 8)


def _check_detector(find: Callable[..., Any]) -> Outcome:
    for seed in range(5):
        x_LF, w_DF, place = _case(seed)
        found = find(x_LF.clone(), w_DF.clone())
        if is_blank(found):
            raise NotAttempted
        found = tuple(int(i) for i in found)
        if found == place:
            continue
        if found == place[::-1]:
            return wrong("you found it and named it the wrong way round.", "the order of an address, [out, in]")
        if found == (1, 11):
            return wrong(
                "you took the largest weight; what it reads is small, so it writes little.",
                "what a weight writes: its input times itself",
            )
        if found[1] == 3:
            return wrong(
                "you took the largest input; every weight that reads it is small.",
                "what a weight writes: its input times itself",
            )
        if found == (2, 5):
            return wrong(
                "this weight writes most over all tokens together; at no single one does it write most.",
                "sum and maximum over the tokens",
            )
        if found == (3, 9):
            return wrong("you took the largest product upwards; a spike may be negative.", "absolute values")
        return wrong(
            "this is not the weight that writes most.", "every token: the largest product may stand at any one"
        )
    return right(
        "Not the largest weight and not the largest input: the largest product. One pass is enough to find it."
    )


def _find(x_LF: Any, w_DF: Any) -> tuple[int, int]:
    most_DF = x_LF.abs().amax(0) * w_DF.abs()
    return divmod(int(most_DF.argmax()), w_DF.shape[1])


def _find_largest_weight(x_LF: Any, w_DF: Any) -> tuple[int, int]:
    return divmod(int(w_DF.abs().argmax()), w_DF.shape[1])


def _find_signed(x_LF: Any, w_DF: Any) -> tuple[int, int]:
    most_DF = (x_LF[:, None, :] * w_DF).amax(0)
    return divmod(int(most_DF.argmax()), w_DF.shape[1])


def _find_at_the_first_token(x_LF: Any, w_DF: Any) -> tuple[int, int]:
    return _find(x_LF[:1], w_DF)


def _find_in_sum(x_LF: Any, w_DF: Any) -> tuple[int, int]:
    most_DF = x_LF.abs().sum(0) * w_DF.abs()
    return divmod(int(most_DF.argmax()), w_DF.shape[1])


def _find_turned(x_LF: Any, w_DF: Any) -> tuple[int, int]:
    return _find(x_LF, w_DF)[::-1]


DETECTOR = Exercise(
    id="01.2",
    title="Your own detector",
    minutes=6,
    objective=_FIND,
    task=(
        "A down projection reads `x_LF` (one row per token, one column per neuron) and has the weight `w_DF`, "
        "[out, in]. A weight *writes* its input times itself, at every token. Find the weight that writes most, up or "
        "down (by absolute value), at any one token, and return its place as (out, in). Two lines are missing."
    ),
    expects="a function of (x_LF, w_DF) that returns (out, in)",
    check=_check_detector,
    hints=(
        "For one weight the largest product over the tokens uses the largest |input| of its column.",
        "x_LF.abs().amax(0) has one number per column; multiplied with w_DF.abs() it lines up with the last axis.",
        "argmax() counts through the flattened matrix; divmod(place, columns) gives row and column.",
    ),
    solution=(
        "```python\n"
        "def find(x_LF, w_DF):\n"
        "    most_DF = x_LF.abs().amax(0) * w_DF.abs()\n"
        "    return divmod(int(most_DF.argmax()), w_DF.shape[1])\n"
        "```\n"
        "Neither factor alone will do: the largest weight may read nothing, the largest input may meet small weights."
    ),
    answer=_find,
    typical_wrong=(
        (_find_largest_weight, "the largest weight"),
        (_find_turned, "the wrong way round"),
        (_find_signed, "may be negative"),
        (_find_at_the_first_token, "at any one"),
        (_find_in_sum, "over all tokens together"),
    ),
)


LESSON = LessonDefinition(
    id="01",
    name="01_super_weight",
    title="The super weight",
    question="Which one of 22 million numbers would you destroy?",
    minutes=60,
    objectives=(_FIND, JUDGE, _KEEP, *OBJECTIVES),
    exercises=(SHARE, DETECTOR, DISGUISE, *EXERCISES),
    predictions=PREDICTIONS,
)
