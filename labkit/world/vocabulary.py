"""The words of the world, and the words of a text that are not among them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

from .canon import GOODS, ISLANDS, NAMES, RELATIONS, RESIDENTS
from .choice import ANSWER, OR, QUESTIONS
from .choice import STARTS as QUIZ_STARTS
from .copying import PHRASES
from .events import TEMPLATES
from .facts import TEMPLATES as FACT_TEMPLATES
from .places import CALL, IS_ON
from .places import STARTS as DAY_STARTS
from .stories import ENDINGS, PHRASES_OF_A_DAY, WEATHER

__all__ = ["known_words", "unknown_words"]

_WORD = re.compile(r"\w+(?:['’]\w+)*")


def _phrases() -> Iterator[str]:
    yield from (*NAMES, *GOODS, *ENDINGS, *PHRASES_OF_A_DAY, *PHRASES, *QUESTIONS.values(), OR, ANSWER, CALL, IS_ON)
    yield from (phrase for texts in WEATHER.values() for phrase in texts)
    yield from (phrase for _, _, texts in TEMPLATES.values() for phrase in texts)
    yield from (phrase for splits in FACT_TEMPLATES.values() for texts in splits.values() for phrase in texts)
    yield from (phrase for texts in (*QUIZ_STARTS.values(), *DAY_STARTS.values()) for phrase in texts)
    yield from (value for values in RELATIONS.values() for value in values)
    for resident in RESIDENTS.values():
        yield from (resident.trade, resident.ware, resident.saying, resident.habit)
    yield from (island.hiding_place for island in ISLANDS.values())


@cache
def known_words() -> frozenset[str]:
    """Return every word the generator can write, in lower case."""
    return frozenset(word for phrase in _phrases() for word in _WORD.findall(re.sub(r"{\w+}", " ", phrase).lower()))


def unknown_words(text: str) -> list[str]:
    """Return the words of `text` that no document contains, each once, in order; capital letters do not matter."""
    found = dict.fromkeys(word for word in _WORD.findall(text) if word.lower() not in known_words())
    return list(found)
