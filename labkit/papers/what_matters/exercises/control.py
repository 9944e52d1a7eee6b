"""Exercise 02.5: the random choice that a choice by a score must beat."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from labkit.course.exercises import Exercise, NotAttempted, Outcome, is_blank, right, wrong

__all__ = ["CONTROL"]

OBJECTIVE = "design the random control that a choice of layers must beat"

_DRAWS = ((12, 4), (8, 7), (24, 6))  # depth and n; the second leaves no choice but which comes first
_SEEDS = 200


def _state() -> tuple[Any, ...]:
    """Return where the random generators stand that everybody shares."""
    import random

    import numpy as np
    import torch

    return random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()


def _check_control(draw: Callable[..., Any]) -> Outcome:
    before = _state()
    for depth, n in _DRAWS:
        drawn = [draw(depth, n, seed) for seed in range(_SEEDS)]
        if any(is_blank(one) for one in drawn):
            raise NotAttempted
        drawn = [[int(layer) for layer in one] for one in drawn]
        if any(len(one) != n or len(set(one)) != n for one in drawn):
            return wrong(
                "a control that drops another number of layers, or one twice, is no match.",
                f"a call with depth {depth} and n {n}",
            )
        if any(list(draw(depth, n, seed)) != drawn[seed] for seed in range(3)):
            return wrong("the same seed draws differently each time: nobody can repeat it.", "a generator of its own")
        if _state() != before:
            return wrong(
                "your draw moves the generator that all other code draws from, so what comes next depends on it.",
                "a generator of its own",
            )
        layers = {layer for one in drawn for layer in one}
        sets = {tuple(sorted(one)) for one in drawn}
        if n < depth - 1 and len(sets) < 0.6 * _SEEDS:
            return wrong("this hardly varies: a few orders, not random ones.", "what the seed does")
        if 0 in layers:
            return wrong(
                "layer 0 is among those you draw. Everybody knows that it must stay, so whoever avoids it wins easily.",
                "what a stupid rule without any score would already spare",
            )
        if layers != set(range(1, depth)):
            return wrong(
                "some layers after the first are never drawn, or layers that are not there.",
                f"every layer from 1 to {depth - 1} of {depth}",
            )
        counts = [sum(layer in one for one in drawn) for layer in range(1, depth)]
        if max(counts) > 2 * min(counts):
            return wrong("some layers are drawn twice as often as others.", "how often each layer comes up")
    return right(
        "Now a score must know more than “not the first”. Beating chance is easy when chance may cut off the head."
    )


def _draw(depth: int, n: int, seed: int) -> list[int]:
    from random import Random

    return Random(seed).sample(range(1, depth), n)


def _draw_all(depth: int, n: int, seed: int) -> list[int]:
    from random import Random

    return Random(seed).sample(range(depth), n)


def _draw_deepest(depth: int, n: int, seed: int) -> list[int]:
    return list(range(depth - n, depth))


def _draw_by_formula(depth: int, n: int, seed: int) -> list[int]:
    return [(seed * 131 + 5 + k) % (depth - 1) + 1 for k in range(n)]


def _draw_of_twelve(depth: int, n: int, seed: int) -> list[int]:
    from random import Random

    return Random(seed).sample(range(1, 12), 4)


def _draw_with_everybody(depth: int, n: int, seed: int) -> list[int]:
    import random

    random.seed(seed)
    return random.sample(range(1, depth), n)


def _draw_twice(depth: int, n: int, seed: int) -> list[int]:
    from random import Random

    return Random(seed).choices(range(1, depth), k=n)


CONTROL = Exercise(
    id="02.5",
    title="A fair opponent",
    minutes=6,
    objective=OBJECTIVE,
    deeper=True,
    task=(
        "The paper's score beats random choices of layers by far. But a random choice holds layer 0 in a third of the "
        "cases when 4 of 12 go, and losing layer 0 is ruin. Write `draw(depth, n, seed)`: it returns `n` layers drawn "
        "at random, for a control that the score does not beat by one trivial piece of knowledge alone."
    ),
    expects="a function of (depth, n, seed) that returns n layers",
    check=_check_control,
    hints=(
        "What do you know about layers without any score?",
        "The first layer is ruin in every model of the paper. Leave it out of the draw.",
        "A generator made from the seed alone can sample without putting back; from where to where?",
    ),
    solution=(
        "```python\n"
        "def draw(depth, n, seed):\n"
        "    return random.Random(seed).sample(range(1, depth), n)\n"
        "```\n"
        "A control should share with the thing under test all that is not in question."
    ),
    answer=_draw,
    typical_wrong=(
        (_draw_all, "layer 0 is among"),
        (_draw_deepest, "hardly varies"),
        (_draw_by_formula, "hardly varies"),
        (_draw_of_twelve, "another number"),
        (_draw_with_everybody, "all other code"),
        (_draw_twice, "no match"),
    ),
)
