"""Exercise 04.1: what a signed share is, with three weights by hand."""

from __future__ import annotations

from typing import Any

from labkit.course.exercises import Exercise, Outcome, right, wrong

__all__ = ["SHARES"]

_SIGNED, _ABSOLUTE = 1.1, 0.55 / 0.7
_SLIPS = (
    ((_ABSOLUTE, _SIGNED), "these are the two shares in the other order.", "which of them adds up sizes"),
    ((0.55, 0.55), "these are weights, not shares.", "what the three weights add up to; it is not 1"),
    ((0.55, _ABSOLUTE), "the signed one is still a weight.", "the sum of the row, 1 − λ"),
    ((0.6, 0.6), "you took A1 alone.", "what is used: A1 − λ A2"),
    ((_SIGNED, 0.55), "the absolute one is not divided by the sum of sizes.", "the size of −0.10, which is 0.10"),
    ((_SIGNED, _SIGNED), "sizes never cancel, so the two shares differ.", "the third weight, which is negative"),
    ((0.5, 0.5), "that is 1 − λ, the sum of the row.", "which part of that sum is the answer's"),
)


def _check(answer: Any) -> Outcome:
    try:
        signed, absolute = (float(value) for value in answer)
    except (TypeError, ValueError):
        return wrong("two numbers were asked for.", "(signed share, absolute share)")
    if abs(signed - _SIGNED) < 6e-3 and abs(absolute - _ABSOLUTE) < 6e-3:
        return right(
            "More than all of the attention: what the third word lost is counted for the answer. Sizes say 0.79."
        )
    for (a, b), thought, look_at in _SLIPS:
        if abs(signed - a) < 6e-3 and abs(absolute - b) < 6e-3:
            return wrong(thought, look_at)
    return wrong("at least one of the two is another number.", "the three weights A1 − λ A2; then two sums of them")


SHARES = Exercise(
    id="04.1",
    title="A share above 1",
    minutes=3,
    objective="say what a signed and an absolute share of attention are, and where they part",
    difficulty="easy",
    task=(
        "Three words. The maps of one head are A1 = (0.6, 0.3, 0.1) and A2 = (0.1, 0.5, 0.4), and λ = 0.5. The first "
        "word holds the answer. Which share of the attention does it get, *signed* (its weight over the sum of "
        "weights) and *absolute* (its size over the sum of sizes)? By hand; two digits are enough."
    ),
    expects="two numbers, (signed, absolute)",
    check=_check,
    hints=(
        "First the three weights that are used: A1 − λ A2. One of them is negative.",
        "Their sum is 1 − λ. The sum of their sizes is larger.",
        "Divide the first weight by the one sum, then by the other.",
    ),
    solution=(
        "The weights are 0.55, 0.05 and −0.10. Signed: 0.55 / 0.50 = 1.10. Absolute: 0.55 / 0.70 = 0.79. A table of "
        "signed shares can show an answer with more than everything and noise with less than nothing."
    ),
    answer=(1.1, 0.79),
    typical_wrong=(
        ((0.79, 1.1), "other order"),
        ((0.55, 0.55), "not shares"),
        ((0.55, 0.786), "still a weight"),
        ((0.6, 0.6), "A1 alone"),
        ((1.1, 1.1), "never cancel"),
        ((0.5, 0.5), "sum of the row"),
    ),
)
