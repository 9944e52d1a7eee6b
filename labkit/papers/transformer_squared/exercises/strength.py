"""An answer that has to be discovered on the model: how strong a single expert should be on a task it never saw."""

from __future__ import annotations

from functools import cache
from typing import Any

from labkit.course.exercises import Exercise, Outcome, right, wrong

from .hour import CONTROL

__all__ = ["STRENGTH"]

STEPS = (0.25, 0.5, 0.75, 1.0, 1.25, 1.5)
CASES, N = (61, 62, 63), 300  # seeds of fresh questions, and how many each
CLOSE, NEAR = 0.035, 0.04  # points between strengths that count as alike; points of the share


@cache
def _shares(name: str, task: str) -> dict[float, float]:
    """Return the share of right answers by strength, over the fresh questions of every case."""
    import labkit
    from labkit.interventions import edit

    from ..experiments import grade
    from ..method.bank import shipped_bank

    model, expert = labkit.load("lab/skills"), shipped_bank()[name]
    found = {}
    for strength in STEPS:
        with edit(model, *expert.edits(strength)):
            found[strength] = sum(grade(model, (task,), N, seed)[task] for seed in CASES) / len(CASES)
    return found


def _check(answer: Any) -> Outcome:
    strength, share = (float(value) for value in answer)
    known = _shares("text", "rev5")
    best = max(known.values())
    if share > 1.5:
        return wrong("your share is above 1: percent were not asked for.", "a number from 0 to 1")
    if strength > 1.5 and share in STEPS:
        return wrong("strength and share have changed places.", "the order: (strength, share)")
    if strength not in known:
        return wrong("this strength is none of the six.", "steps of 0.25, from 0.25 to 1.5")
    if known[strength] < best - CLOSE:
        if strength == 1.0:
            return wrong(
                "you took the expert as it was learned; it was learned for four letters, not for five.",
                "the same expert turned down",
            )
        seen = _shares("text", "rev")
        if seen[strength] >= max(seen.values()) - CLOSE:
            return wrong("this strength is good for four letters.", "the task rev5")
        return wrong("another strength answers more of these questions.", "all six strengths on rev5")
    if not abs(share - known[strength]) <= NEAR:  # also what is no number
        if abs(share - _shares("text", "rev")[strength]) <= NEAR:
            return wrong("the strength fits, the share is that of four letters.", "the task rev5")
        if abs(share - (best - 0.40)) <= 0.06:
            return wrong("you gave the gain over the base.", "the share of right answers itself")
        return wrong("the strength fits, the share does not.", "the line of that strength, column rev5")
    return right(
        "Turned down, one expert does nearly all that the search found with three. A mixture has to beat this, "
        "and not the expert at full strength."
    )


STRENGTH = Exercise(
    id="07.3",
    title="The control a mixture has to beat",
    minutes=6,
    objective=CONTROL,
    difficulty="hard",
    task=(
        "Few shots did better on words of five letters (`rev5`) than the text expert as it was learned. Was that the "
        'mixing? Find the strength, in steps of 0.25 from 0.25 to 1.5, at which `bank["text"]` *alone* answers most '
        "of `rev5`, and how large its share of right answers then is. Give both: (strength, share)."
    ),
    expects="a pair of numbers, such as (1.0, 0.5)",
    check=_check,
    hints=(
        "t2.strengths(model, expert, tasks, at=…) grades an expert at several strengths.",
        "The expert was trained on four letters. Is more of it always better on five?",
        "Read the column rev5 from top to bottom, and take its largest number with the strength beside it.",
    ),
    solution=(
        '`t2.strengths(model, bank["text"], ("rev5",), at=(0.25, 0.5, 0.75, 1.0, 1.25, 1.5))` peaks at 0.5 or 0.75, '
        "above 0.8, while the expert at full strength answers about 0.73 and the base 0.4."
    ),
    answer=(0.5, 0.83),
    typical_wrong=(
        ((1.0, 0.73), "as it was learned"),
        ((0.25, 0.70), "another strength"),
        ((1.5, 0.25), "good for four letters"),
        ((0.5, 83.0), "percent"),
        ((0.5, 0.99), "share"),
        ((0.5, float("nan")), "share"),
        ((0.6, 0.83), "none of the six"),
        ((0.5, 0.43), "gain over the base"),
    ),
)
