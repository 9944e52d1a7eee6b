"""The deeper notebook of lesson 08: a switch that was never thrown, an angle that cannot be, and a law of growth."""

from __future__ import annotations

from labkit.course.exercises import Exercise
from labkit.course.tolerance import number

from . import norm_hunt
from .switch import BY_HAND, SWITCH

__all__ = ["EXERCISES", "OBJECTIVES"]

_ANGLE = "read a map of angles with its axis, and say which angles are possible"
_LAW = "tell a power of the depth from exponential growth by numbers"
OBJECTIVES = (norm_hunt.OBJECTIVE, _ANGLE, _LAW, BY_HAND)

ANGLE = Exercise(
    id="08.5",
    title="Can a block turn the stream by 0.6?",
    minutes=5,
    objective=_ANGLE,
    deeper=True,
    task=(
        "A map in the paper shows angles of most deep layers *above 0.6*, where 0.5 is a right angle and 1 the "
        "opposite direction. A block adds its update u to the stream h. At least how long must u be, in lengths of h, "
        "so that h + u points 0.6 · 180° = 108° away from h?"
    ),
    expects="a number",
    check=number(
        1.0,
        "The update must first undo the whole stream; after the first block of a trained model it is far shorter. "
        "The released code stretches every row of that map from its least to its largest value to 0 … 1.",
        tol=5e-3,
        mistakes=[
            (
                0.9511,
                "this is sin 108°: the shortest way to a line, not to a ray.",
                "a drawing: the ray goes backwards",
            ),
            (0.6, "an angle is not a length.", "a drawing of h, u and h + u"),
            (1.618, "this keeps the length of h + u at that of h, which nobody asked for.", "the word: at least"),
            (2.0, "this turns the stream right round.", "the least u that passes 90°"),
            (0.309, "this is how far h + u would reach back, not how long u is.", "from where to where u leads"),
        ],
        otherwise=("this is not the least length.", "the tip of h, and the point of the ray that is nearest to it"),
    ),
    hints=(
        "Draw h, and the ray on which h + u has to lie. u goes from the tip of h to some point of that ray.",
        "For an angle below 90° the nearest point of the ray is sin(angle) · |h| away. Where is it beyond 90°?",
        "Beyond 90° every step along the ray leads further away from the tip of h. Which point is left?",
    ),
    solution="The nearest point of the ray is its beginning, 0: u must be as long as h, and any longer to get past it.",
    answer=1.0,
    typical_wrong=(
        (0.9511, "sin 108°"),
        (0.95, "sin 108°"),
        (0.6, "not a length"),
        (1.618, "nobody asked for"),
        (2.0, "right round"),
        (0.31, "reach back"),
        (0.5, "not the least length"),
    ),
)


def _growth(depth: int) -> float:
    from ..method.theory import variance_recursion

    values = variance_recursion(2 * depth)
    return float(values[-1] / values[depth - 1])


def _v(number: int) -> float:
    from ..method.theory import variance_recursion

    return float(variance_recursion(number)[-1])


LAW = Exercise(
    id="08.6",
    title="Exponential?",
    minutes=6,
    objective=_LAW,
    difficulty="easy",
    deeper=True,
    task=(
        "The abstract says that the variance of Pre-LN grows *exponentially*. Its lemma has the recursion "
        "v ← v · (1 + 1/√v), from v₁ = 1 (unit constants). Follow it: how many times as large is v₂₀₀ as v₁₀₀?"
    ),
    expects="a number above 1",
    check=number(
        lambda: _growth(100),
        "About four: twice the depth, four times the variance. That is N²/4, a power. Exponential growth would "
        "multiply by v₁₀₀ itself, which is over two thousand.",
        tol=0.03,
        mistakes=[
            (
                2.0,
                "this is linear growth (or the standard deviation's), what blocks that write independently would give.",
                "the recursion, step by step",
            ),
            (16.0, "you squared once too often: v itself is the variance.", "what v is: σ²"),
            (lambda: _growth(100) * _v(100), "this is v₂₀₀ itself.", "the question: how many times v₁₀₀"),
            (
                lambda: _v(100),
                "this is v₁₀₀, what exponential growth would multiply by.",
                "the question: v₂₀₀ over v₁₀₀",
            ),
        ],
        otherwise=("the recursion gives another number.", "that v₁ = 1 is the first, so that v₁₀₀ takes 99 steps"),
    ),
    hints=(
        "A loop of 199 steps; keep every value in a list.",
        "v₁ is the first value of the list, so v₁₀₀ is the hundredth: count from 0 with care.",
        "To check your loop: v₂ is 2, and v₃ is 2 + √2.",
    ),
    solution=(
        "```python\n"
        "v = [1.0]\n"
        "for _ in range(199):\n"
        "    v.append(v[-1] * (1 + v[-1] ** -0.5))\n"
        "v[199] / v[99]\n"
        "```\n"
        "A little over 4."
    ),
    answer=_growth(100),
    typical_wrong=(
        (2.0, "linear growth"),
        (_growth(100) ** 0.5, "linear growth"),
        (16.0, "once too often"),
        (_growth(100) * _v(100), "v₂₀₀ itself"),
        (_v(100), "exponential growth would multiply by"),
        (1.3, "another number"),
    ),
)

EXERCISES = (norm_hunt.HUNT, ANGLE, LAW, SWITCH)
