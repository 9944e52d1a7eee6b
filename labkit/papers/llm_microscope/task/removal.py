"""Taking words out of a text by rule, with controls that take out as many others.

A rule names token classes. Everything else stays, in order. The paper has no control; here each rule has two: as many
tokens at random, and as many content words at random.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from random import Random

from labkit.base.errors import BadInput, unknown

from .classes import CONTENT, STOP

__all__ = ["CONTROLS", "RULES", "Removed", "remove", "remove_as_many", "remove_judged", "word_list"]

RULES: dict[str, frozenset[str]] = {
    "articles": frozenset({"article"}),
    "punctuation": frozenset({"punctuation"}),
    "stop words": STOP,
    "stop words and punctuation": STOP | {"punctuation"},
    "content words": CONTENT,
}
CONTROLS = ("random tokens", "content words")
AS_MANY = " as many as "  # a control: "random tokens as many as punctuation"
DISPENSABLE = (
    "almost",
    "very",
    "then",
    "now",
    "still",
    "further",
    "mostly",
    "only",
    "always",
    "often",
    "also",
    "please",
)
UNTRAINED = "as trained"  # beside models that read on with texts stripped by a rule: the one that did not read on


@dataclass(frozen=True)
class Removed:
    """What is left of a text (`ids`), and the positions in the old one that were taken out."""

    ids: tuple[int, ...]
    positions: tuple[int, ...]


def remove(ids: Sequence[int], classes: Sequence[str], rule: str, *, keep: int = 0) -> Removed:
    """Return `ids` without the tokens whose class the rule names; the first `keep` tokens always stay.

    Raises `UnknownName` for a rule that is not in `RULES`.
    """
    if rule not in RULES:
        raise unknown("rule of removal", rule, RULES)
    _check(ids, classes)
    return _without(ids, [i for i in range(keep, len(ids)) if classes[i] in RULES[rule]])


def remove_as_many(
    ids: Sequence[int], classes: Sequence[str], count: int, control: str, seed: int, *, keep: int = 0
) -> Removed:
    """Return `ids` without `count` tokens drawn at random, from all of them or from the content words.

    Raises `BadInput` where there are not as many to take.
    """
    if control not in CONTROLS:
        raise unknown("control", control, CONTROLS)
    _check(ids, classes)
    there = [i for i in range(keep, len(ids)) if control == "random tokens" or classes[i] in CONTENT]
    if count > len(there):
        raise BadInput(
            f"{count} of {len(there)} {control} were to be removed.",
            expected=f"at most {len(there)}",
            do="take a rule that removes fewer words, or a longer text",
        )
    return _without(ids, sorted(Random(f"remove/{control}/{seed}").sample(there, count)))


def remove_judged(
    ids: Sequence[int], pieces: Sequence[str], judge: Callable[[Sequence[str]], Iterable[int]], *, keep: int = 0
) -> Removed:
    """Return `ids` without the places that a judge calls dispensable: the paper asks GPT-4o, `word_list` asks a list.

    judge: from the pieces of a text to places in it. It can neither reorder nor rephrase. The first `keep` tokens stay.
    Raises `BadInput` for a place outside the text.
    """
    _check(ids, pieces)
    places = sorted({place for place in judge(pieces) if place >= keep or place < 0})
    if places and not (places[0] >= 0 and places[-1] < len(ids)):
        raise BadInput(
            f"The judge named place {places[0] if places[0] < 0 else places[-1]}.", expected=f"0 to {len(ids) - 1}"
        )
    return _without(ids, places)


def word_list(words: Iterable[str] = DISPENSABLE) -> Callable[[Sequence[str]], list[int]]:
    """Return a judge that calls these words dispensable wherever they stand, by default a saved list."""
    listed = {word.lower() for word in words}
    return lambda pieces: [place for place, piece in enumerate(pieces) if piece.strip().lower() in listed]


def _without(ids: Sequence[int], positions: Sequence[int]) -> Removed:
    gone = set(positions)
    return Removed(tuple(int(token) for i, token in enumerate(ids) if i not in gone), tuple(positions))


def _check(ids: Sequence[int], classes: Sequence[str]) -> None:
    if len(ids) != len(classes):
        raise BadInput(f"{len(ids)} tokens came with {len(classes)} classes or pieces.", expected="one a token")
