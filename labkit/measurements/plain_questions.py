"""Questions that any reader of English can be asked: sums, and looking something up in a long list.

The course's models of the islands were never taught to reckon and read 256 tokens at most; these are for the hub's:
`choice_accuracy(model, sums(50))` and `choice_accuracy(model, lookups(50, lines=40))`. Chance is one in four.
"""

from __future__ import annotations

from random import Random

from labkit.base.errors import BadInput
from labkit.world import Question

__all__ = ["lookups", "sums"]

_SHOWN = 4  # sums that are worked out before the one that is asked
_COLOURS = ("red", "blue", "green", "white", "black", "yellow", "brown", "grey", "pink", "orange", "purple", "golden")
_LINE = "The door of room {room} is {colour}."


def sums(n: int, seed: int = 0, *, digits: int = 2) -> list[Question]:
    """Return `n` questions for the sum of two numbers of up to `digits` digits, after four worked examples.

    The wrong answers are near ones: one off, ten off, and the sum without its carry or one off on the other side.
    """
    _check(n, digits, "digits")
    return [_sum(Random(f"sums/{digits}/{seed}/{number}"), digits) for number in range(n)]


def lookups(n: int, seed: int = 0, *, lines: int = 20) -> list[Question]:
    """Return `n` questions for the colour of a door that one of `lines` lines has told; every line counts alike."""
    _check(n, lines, "lines")
    if lines < 4:
        raise BadInput(f"lines = {lines} name fewer than four colours.", expected="at least 4")
    return [_lookup(Random(f"lookups/{lines}/{seed}/{number}"), lines) for number in range(n)]


def _sum(rng: Random, digits: int) -> Question:
    pairs = [(rng.randrange(1, 10**digits), rng.randrange(1, 10**digits)) for _ in range(_SHOWN + 1)]
    shown = "".join(f"{a} + {b} = {a + b}\n" for a, b in pairs[:-1])
    a, b = pairs[-1]
    uncarried = int("".join(str((int(x) + int(y)) % 10) for x, y in zip(f"{a:0{digits}}", f"{b:0{digits}}")))
    near = [uncarried, a + b + 10, a + b + 1, a + b - 1, a + b + 2]
    wrong = list(dict.fromkeys(number for number in near if number != a + b))[:3]
    return _question(rng, f"{shown}{a} + {b} =", str(a + b), list(map(str, wrong)))


def _lookup(rng: Random, lines: int) -> Question:
    rooms = rng.sample(range(1, 10 * lines), lines)
    told = [rng.choice(_COLOURS) for _ in rooms]
    told[:4] = rng.sample(_COLOURS, 4)  # four colours at least are named
    order = rng.sample(range(lines), lines)
    text = " ".join(_LINE.format(room=rooms[i], colour=told[i]) for i in order)
    asked = rng.randrange(lines)
    prompt = f"{text} {_LINE.split(' {colour}')[0].format(room=rooms[asked])}"
    others = sorted({colour for colour in told if colour != told[asked]})
    return _question(rng, prompt, told[asked], rng.sample(others, 3))


def _question(rng: Random, prompt: str, right: str, wrong: list[str]) -> Question:
    options = [right, *wrong]
    rng.shuffle(options)
    return Question(prompt, tuple(f" {option}" for option in options), options.index(right))


def _check(n: int, size: int, name: str) -> None:
    for said, value in (("n", n), (name, size)):
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise BadInput(f"{said} = {value!r}.", expected="a whole number of at least 1")
