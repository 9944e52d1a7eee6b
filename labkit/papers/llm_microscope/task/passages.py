"""A text that may be stripped, and a question after it that may not.

The paper strips what the model reads. If the question's own "?" went too, the model would be asked at a place where it
never answered: so only the body is stripped, and the tail (question, and the first words of the answer) stays whole.
"""

from __future__ import annotations

from dataclasses import dataclass

from labkit import world
from labkit.base.errors import BadInput, unknown

from . import documents
from .classes import classes_of
from .removal import AS_MANY, CONTROLS, RULES, remove, remove_as_many

__all__ = ["Ask", "Passage", "body_of", "conditions", "story_passages", "training_passage"]


@dataclass(frozen=True)
class Ask:
    """A question that is answered by the token after tail[place]: single-token options, and which is right.

    hinges: whether a small word of the text decides it.
    """

    place: int
    options: tuple[int, ...]
    answer: int
    hinges: bool = False


@dataclass(frozen=True)
class Passage:
    """Token ids of the body, the class of each, the ids of the tail, and what is asked in it."""

    body: tuple[int, ...]
    classes: tuple[str, ...]
    tail: tuple[int, ...]
    asks: tuple[Ask, ...]


def story_passages(n: int, seed: int, split: str = "test", *, distractors: int = 0) -> list[Passage]:
    """Return `n` days of the world with the question who has the lantern; a guess is right one time in four.

    distractors: at most so many sentences about other people stand between those of the day.
    """
    words, made = world.tokenizer(), []
    for number, one in enumerate(world.questions(n, seed, split)):
        body, tail = _parted(words.encode(one.prompt))
        body = documents.scatter(body, documents.LONGEST - len(tail), seed * 100_003 + number, distractors)
        start = len(words.encode(one.prompt))
        options = tuple(words.encode(one.prompt + option)[start] for option in one.options)
        made.append(Passage(body, tuple(classes_of(words, body)), tail, (Ask(len(tail) - 1, options, one.answer),)))
    return made


def training_passage(number: int, seed: int, *, distractors: int = documents.DISTRACTORS) -> Passage:
    """Return a day to train on: its question with its answer is the tail, and nothing is asked."""
    words = world.tokenizer()
    body, tail = _parted(words.encode(world.document("stories", number, seed).text))
    body = documents.scatter(body, documents.LONGEST - len(tail), seed * 100_003 + number, distractors)
    return Passage(body, tuple(classes_of(words, body)), (*tail, words.eos), ())


def _parted(ids: list[int]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return a day's tokens up to its last question's sentence, and from there on."""
    pieces = world.tokenizer().pieces(ids)
    mark = max(i for i, piece in enumerate(pieces) if piece == "?")
    start = next(a for a, b in documents.sentences(pieces) if a <= mark < b)
    return tuple(ids[:start]), tuple(ids[start:])


def conditions(rules: tuple[str, ...] = tuple(RULES)) -> tuple[str, ...]:
    """Return the names of all conditions: "intact", each rule, and its two controls."""
    return ("intact", *(name for rule in rules for name in (rule, *(f"{one}{AS_MANY}{rule}" for one in CONTROLS))))


def body_of(passage: Passage, condition: str, seed: int = 0) -> tuple[int, ...]:
    """Return the body as a condition leaves it; `seed` draws what a control takes out.

    Where a text has fewer content words than the rule took out, the control takes all it can.
    Raises `UnknownName` for a condition that is not in `conditions()`.
    """
    if condition == "intact":
        return passage.body
    control, _, rule = condition.rpartition(AS_MANY)
    if rule not in RULES or (control and control not in CONTROLS):
        raise unknown("condition", condition, conditions())
    gone = remove(passage.body, passage.classes, rule)
    if not control:
        return gone.ids
    try:
        return remove_as_many(passage.body, passage.classes, len(gone.positions), control, seed).ids
    except BadInput:
        return remove(passage.body, passage.classes, "content words").ids
