"""Exercise 00.3: a matched control, drawn by a seed, every other place of the matrix with the same chance."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from labkit.course.exercises import Exercise, NotAttempted, Outcome, is_blank, right, wrong

__all__ = ["COMPARE", "CONTROL"]

COMPARE = "say whether a difference in loss is much, with a matched control"

# A matrix small enough that every place is drawn: (shape, chosen). The chosen place lies inside, at both ends, alone.
_MATRICES = (((5, 9), (2, 7)), ((1, 12), (0, 11)), ((8, 6), (0, 0)), ((16, 24), (12, 7)))
_DRAWS = 800


def _check_control(draw: Callable[..., Any]) -> Outcome:
    """Judge a function (shape, chosen, seed) -> (row, column) that draws a matched control."""
    for shape, chosen in _MATRICES:
        if is_blank(draw(shape, chosen, 0)):
            raise NotAttempted
        before = _random_states()
        drawn = [_place(draw(shape, chosen, seed)) for seed in range(_DRAWS)]
        if _random_states() != before:
            return wrong(
                "your function sets or uses the random numbers that everybody shares: whoever draws after "
                "it gets others.",
                "a generator of your own, made from the seed",
            )
        if drawn != [_place(draw(shape, chosen, seed)) for seed in range(_DRAWS)]:
            return wrong(
                "the same seed gave two different weights, so nobody could repeat your control.", "where the seed goes"
            )
        if any(not (0 <= row < shape[0] and 0 <= column < shape[1]) for row, column in drawn):
            return wrong("some of the weights lie outside the matrix.", "the shape, [out, in], and its largest index")
        if chosen in drawn:
            return wrong(
                "the chosen weight itself can be drawn as its own control.", "what happens when the draw hits it"
            )
        if (told := _spread(drawn, shape)) is not None:
            return told
    return right("Same matrix, other place, drawn by a seed anyone can repeat: now a difference means something.")


def _spread(drawn: list[tuple[int, int]], shape: tuple[int, int]) -> Outcome | None:
    """Return what is wrong with how often each place is drawn, by chi squared over all places but the chosen one."""
    places = shape[0] * shape[1] - 1
    counts = [drawn.count(place) for place in set(drawn)] + [0] * (places - len(set(drawn)))
    expected = len(drawn) / places
    chi, spread = sum((count - expected) ** 2 / expected for count in counts), math.sqrt(2 * places)
    if expected > 8 and 0 in counts:
        return wrong(
            f"{counts.count(0)} of the {places} other places of a matrix of {shape[0]} × {shape[1]} are never drawn: "
            "a null needs the spread of all.",
            "which places your draw can reach",
        )
    if chi > places + 8 * spread:
        return wrong("some places are drawn far more often than others.", "whether every place has the same chance")
    if expected > 8 and chi < places - 3.2 * spread:
        return wrong(
            "your places come round like numbers on a clock, each as often as the next: that is counting, no draw.",
            "a random generator that the seed starts",
        )
    return None


def _place(drawn: Any) -> tuple[int, int]:
    row, column = drawn
    return int(row), int(column)


def _random_states() -> tuple[Any, ...]:
    """Return where the shared generators of Python, numpy and torch stand."""
    import random

    import numpy as np
    import torch

    _, words, *rest = np.random.get_state()
    return random.getstate(), words.tobytes(), rest, torch.get_rng_state().tolist()


def _flat(draw: Callable[[int, int], int]) -> Callable[..., tuple[int, int]]:
    """Return a control from draw(places, seed), a number below `places` that skips the chosen one."""

    def control_for(shape: tuple[int, int], chosen: tuple[int, int], seed: int) -> tuple[int, int]:
        place = draw(shape[0] * shape[1] - 1, seed)
        return divmod(place + (place >= chosen[0] * shape[1] + chosen[1]), shape[1])

    return control_for


def _drawing(allowed: Callable[..., bool], shared: bool = False) -> Callable[..., tuple[int, int]]:
    """Return a control drawn again until allowed(place, chosen), by its own generator or by the shared one."""

    def control_for(shape: tuple[int, int], chosen: tuple[int, int], seed: int) -> tuple[int, int]:
        import random

        if shared:
            random.seed(seed)
        generator = random if shared else random.Random(seed)
        while True:
            drawn = generator.randrange(shape[0]), generator.randrange(shape[1])
            if allowed(drawn, chosen):
                return drawn

    return control_for


_control_answer = _drawing(lambda drawn, chosen: drawn != chosen)


def _control_same_row(shape: tuple[int, int], chosen: tuple[int, int], seed: int) -> tuple[int, int]:
    import random

    columns = [column for column in range(shape[1]) if column != chosen[1]]
    return chosen[0], random.Random(seed).choice(columns)


def _control_unseeded(shape: tuple[int, int], chosen: tuple[int, int], seed: int) -> tuple[int, int]:
    import random

    return _flat(lambda places, seed: random.Random().randrange(places))(shape, chosen, seed)


def _control_first_on_a_hit(shape: tuple[int, int], chosen: tuple[int, int], seed: int) -> tuple[int, int]:
    drawn = _drawing(lambda drawn, chosen: True)(shape, chosen, seed)
    return (0, 0) if drawn == chosen else drawn


CONTROL = Exercise(
    id="00.3",
    title="Design the control",
    minutes=5,
    objective=COMPARE,
    difficulty="easy",
    task=(
        "You zeroed the weight at row 12, column 7 of a matrix and the loss rose by 0.02 nats. Is that much? It "
        "depends on what *other* weights do. Write `control_for(shape, chosen, seed)`: it returns the place (row, "
        "column) of one weight to zero instead, drawn at random from the **same matrix**, never the chosen one, and "
        "the same for the same seed. Leave everybody else's random numbers alone."
    ),
    expects="a function of (shape, chosen, seed) that returns (row, column)",
    check=_check_control,
    hints=(
        "Which other weights would do as well as the chosen one? All of those should have the same chance.",
        "random.Random(seed) is a generator of your own; random.seed(seed) would change what others draw.",
        "A row below shape[0] and a column below shape[1]; and if the draw hits the chosen place, once more.",
    ),
    solution=(
        "```python\n"
        "def control_for(shape, chosen, seed):\n"
        "    generator = random.Random(seed)\n"
        "    while True:\n"
        "        drawn = generator.randrange(shape[0]), generator.randrange(shape[1])\n"
        "        if drawn != chosen:\n"
        "            return drawn\n"
        "```\n"
        "Matched means: alike in everything but the thing you chose it for. A weight from another matrix differs in "
        "size and in place as well, and then you could not say which of the three made the difference."
    ),
    answer=_control_answer,
    typical_wrong=(
        (_control_same_row, "never drawn"),
        (_drawing(lambda drawn, chosen: True), "its own control"),
        (_control_unseeded, "the same seed gave two different"),
        (_control_first_on_a_hit, "far more often"),
        (_flat(lambda places, seed: (131 * seed + 5) % places), "that is counting"),
        (_drawing(lambda drawn, chosen: drawn != chosen and sum(drawn) % 2 == 0), "never drawn"),
        (_drawing(lambda drawn, chosen: drawn[0] != chosen[0] and drawn[1] != chosen[1]), "never drawn"),
        (_drawing(lambda drawn, chosen: drawn != chosen, shared=True), "that everybody shares"),
    ),
)
