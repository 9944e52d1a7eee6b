"""The world: seven islands, one ferry, and a lantern; text that is written and read back by one grammar.

world.story(7).text                      a story
world.parse(text)                        the choices behind a text, and their exact probability
world.check(text)                        what is wrong with a text, in plain sentences
world.documents("facts", 10, seed=0)     ten documents of a part
world.questions(100, seed=0)             who has the lantern, four answers each
world.tokenizer().encode(text)           token ids
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import canon
from .canon import map_places
from .questions import (
    Question,
    copying_questions,
    facts_questions,
    paraphrases,
    places_questions,
    questions,
    recall_questions,
)
from .reader import Problem, check
from .streams import PARTS, SPLITS, VERSION, Document, document, documents, floor, parse, story, stream, write
from .symbols import Symbols
from .vocabulary import unknown_words

if TYPE_CHECKING:
    from .pieces import WorldTokenizer

__all__ = [
    "PARTS",
    "SPLITS",
    "VERSION",
    "Document",
    "Problem",
    "Question",
    "Symbols",
    "canon",
    "check",
    "copying_questions",
    "corpus",
    "document",
    "documents",
    "facts_questions",
    "floor",
    "map_places",
    "paraphrases",
    "parse",
    "places_questions",
    "questions",
    "recall_questions",
    "story",
    "stream",
    "tokenizer",
    "unknown_words",
    "write",
]


def tokenizer() -> WorldTokenizer:
    """Return the world's tokenizer."""
    from .pieces import load  # the library behind it is only needed here

    return load()


def corpus(shares: dict[str, float], n_tokens: int, seed: int, split: str = "train") -> list[list[int]]:
    """Return documents as token ids, begin and end included, `n_tokens` in all or a few more."""
    from .streams import corpus as make

    return make(tokenizer(), shares, n_tokens, seed, split)
