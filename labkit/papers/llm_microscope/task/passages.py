"""A text that may be stripped, and questions after it that may not: one form for stories and for long documents.

The paper strips what the model reads. If the question's own "?" went too, the model would be asked at a place where it
never answered: so only the body is stripped, and the tail (question, and the first words of the answer) stays whole.
"""

from __future__ import annotations

from dataclasses import dataclass

from labkit import world
from labkit.base.errors import BadInput, unknown

from . import documents
from .classes import classes_of
from .removal import CONTROLS, RULES, remove, remove_as_many

__all__ = ["Ask", "Passage", "body_of", "conditions", "document_passages", "story_passages"]

AS_MANY = " as many as "  # "random tokens as many as punctuation"


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


def story_passages(n: int, seed: int, split: str = "test") -> list[Passage]:
    """Return `n` stories of the world with the question who has the lantern; a guess is right one time in four."""
    words, made = world.tokenizer(), []
    for one in world.questions(n, seed, split):
        ids = words.encode(one.prompt)
        pieces = words.pieces(ids)
        mark = max(i for i, piece in enumerate(pieces) if piece == "?")
        start = max(i for i, piece in enumerate(pieces[:mark]) if piece.endswith(".") or piece.endswith('."')) + 1
        options = tuple(words.encode(one.prompt + option)[len(ids)] for option in one.options)
        body, tail = tuple(ids[:start]), tuple(ids[start:])
        made.append(Passage(body, tuple(classes_of(words, body)), tail, (Ask(len(tail) - 1, options, one.answer),)))
    return made


def document_passages(n: int, seed: int, split: str = "test", *, distractors: int = 8) -> list[Passage]:
    """Return `n` long documents with four questions each; a guess is right one time in four."""
    words, made = documents.tokenizer(), []
    for number in range(n):
        one = documents.document(number, seed, split, distractors=distractors)
        body, tail, asks = tuple(words.encode(one.text)), [], []
        for asked in one.questions:
            tail += words.encode(f"where is {asked.name} ?")
            options = tuple(words.encode(" ".join(asked.options)))
            asks.append(Ask(len(tail) - 1, options, asked.answer, asked.hinges))
            tail += words.encode(f"{asked.options[asked.answer]} .")
        made.append(Passage(body, tuple(classes_of(words, body)), tuple(tail), tuple(asks)))
    return made


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
