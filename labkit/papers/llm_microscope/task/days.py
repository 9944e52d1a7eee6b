"""Days to learn from: from the sentence that says who has the lantern first, to the question who has it in the end.

Without the people and places of the morning a day is short enough that a small model learns the answer from nothing in
a minute. The question and its answer are written without any mark, in every arm and test: a model of days without
punctuation meets none at all.
"""

from __future__ import annotations

from functools import cache

from labkit import world

from . import documents
from .classes import classes_of
from .passages import Ask, Passage

__all__ = ["days"]

OTHERS = 1  # sentences about other people, at most
LONG, FIRST, CALL, QUESTION = "A day.", "lantern was with", " Where is who?", " Who has the lantern The lantern is with"


def days(n: int, seed: int, split: str = "train", *, asked: bool = False) -> list[Passage]:
    """Return `n` days of one act or three whose lantern is in somebody's hand, question and answer in the tail.

    asked: three acts, and cheap guesses are kept at chance or below, as in `world.questions`: whoever had the lantern
    first never has it now, and whoever is named last has it in every fourth. Options are the four people of the day.
    """
    made: list[Passage] = []
    number = 0
    while len(made) < n:
        told = world.document("places", number, seed, split)  # of these the day alone is kept, not who is where
        number += 1
        cast, holder = told.state.cast, told.state.holder
        day = told.text[told.text.rindex(". ", 0, told.text.index(FIRST)) + 1 : told.text.index(CALL)]
        last = max(cast, key=lambda name: day.rfind(f" {name}"))
        easy = holder == told.state.first_holder or (last == holder) != (len(made) % 4 == 0)
        if holder is not None and not (asked and (easy or not told.text.startswith(LONG))):
            made.append(_passage(day, cast, holder, seed * 100_003 + number))
    return made


def _passage(day: str, cast: list[str], holder: str, seed: int) -> Passage:
    words, question = world.tokenizer(), _question()
    body = documents.scatter(words.encode(day), documents.LONGEST - len(question), seed, OTHERS)
    options = tuple(words.encode(f"The lantern is with {name}")[-1] for name in cast)
    answer = cast.index(holder)
    tail = (*question, options[answer], words.eos)
    return Passage(body, tuple(classes_of(words, body)), tail, (Ask(len(question) - 1, options, answer),))


@cache
def _question() -> tuple[int, ...]:
    before, words = "Night fell.", world.tokenizer()
    return tuple(words.encode(before + QUESTION)[len(words.encode(before)) :])
