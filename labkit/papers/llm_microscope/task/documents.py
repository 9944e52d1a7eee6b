"""Long documents full of distractors, with questions about what they say: the paper's BABILong in a small language.

Four people go somewhere; two of them "sailed from Wick to Lull" (or "to Lull from Wick": only the small words tell).
Between these facts stand sentences that answer nothing. Then each person is asked for: four places of the document to
choose from, so a guess is right one time in four.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from labkit.base.errors import BadInput
from labkit.world import Symbols
from labkit.world.canon import ISLANDS, RESIDENTS

from .classes import SKERRIES

__all__ = ["Asked", "LongDocument", "document", "tokenizer"]

PEOPLE = tuple(RESIDENTS)
PLACES = (*ISLANDS, *SKERRIES)
_NOUNS = ("gull", "lamp", "boat", "dog", "bell", "clock", "rope", "loaf", "stool", "goat")
_ADJECTIVES = ("old", "grey", "warm", "small", "quiet", "heavy")
_VERBS = ("slept", "rested", "leaned", "stood", "shone", "waited")
_PREPOSITIONS = ("near", "behind", "under", "on")
_DISTRACTORS = (
    "the {adj} {noun} {verb} {prep} the {other} .",
    "a {noun} {verb} , and the {other} was {adj} .",
    "at noon , the {noun} was {adj} .",
    "{name} liked the {noun} .",
)
_FACTS = ("{name} went to {to} .", "{name} sailed from {start} to {to} .", "{name} sailed to {to} from {start} .")
_WORDS = (*PEOPLE, *PLACES, *_NOUNS, *_ADJECTIVES, *_VERBS, *_PREPOSITIONS)
_SMALL = ("the", "a", "at", "noon", "and", "was", "liked", "went", "to", "sailed", "from", "where", "is", ".", ",", "?")
OPTIONS = 4


@dataclass(frozen=True)
class Asked:
    """One question: who is asked for, four places, which of them is right, and whether a small word decides it."""

    name: str
    options: tuple[str, ...]
    answer: int
    hinges: bool


@dataclass(frozen=True)
class LongDocument:
    """A text of facts and distractors, and its questions."""

    text: str
    questions: tuple[Asked, ...]

    @property
    def asked(self) -> str:
        """The questions with their right answers, as they follow the text in training."""
        return " ".join(f"where is {q.name} ? {q.options[q.answer]} ." for q in self.questions)


def tokenizer() -> Symbols:
    """Return the words of this language as a tokenizer."""
    return Symbols(tuple(dict.fromkeys((*_SMALL, *_WORDS))))


def document(number: int, seed: int, split: str = "train", *, distractors: int = 8) -> LongDocument:
    """Return a document: always the same one for the same arguments."""
    if distractors < 0:
        raise BadInput(f"{distractors} distractors were asked for.", expected="a number from 0 up")
    random = Random(f"long/{split}/{seed}/{number}")
    people, places = random.sample(PEOPLE, 5), iter(random.sample(PLACES, 6))
    facts, asked, used = [], [], []
    for order, name in enumerate(people[:4]):
        to, sails = next(places), order % 2 == 1
        start = next(places) if sails else ""
        facts.append(random.choice(_FACTS[1:] if sails else _FACTS[:1]).format(name=name, to=to, start=start))
        asked.append((name, to, start))
        used += [to, start] if sails else [to]
    sentences = [(random.random(), fact) for fact in facts]
    sentences += [(random.random(), _distractor(random, people)) for _ in range(distractors)]
    questions = []
    for name, to, start in random.sample(asked, len(asked)):
        others = [place for place in used if place not in (to, start)]
        options = [to, *([start] if start else [])]
        options += random.sample(others, OPTIONS - len(options))
        random.shuffle(options)
        questions.append(Asked(name, tuple(options), options.index(to), bool(start)))
    return LongDocument(" ".join(text for _, text in sorted(sentences)), tuple(questions))


def _distractor(random: Random, people: list[str]) -> str:
    noun, other = random.sample(_NOUNS, 2)
    return random.choice(_DISTRACTORS).format(
        name=random.choice(people),
        noun=noun,
        other=other,
        adj=random.choice(_ADJECTIVES),
        verb=random.choice(_VERBS),
        prep=random.choice(_PREPOSITIONS),
    )
