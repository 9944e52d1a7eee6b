"""Words to spell, and questions about their letters."""

from __future__ import annotations

import random
import re
from functools import cache

from labkit import world

__all__ = ["contains_question", "letter_words", "spelled", "spelling_words", "swap_question"]


@cache
def spelling_words(split: str = "train") -> tuple[str, ...]:
    """Return the words that are spelled: half of the world's words of 4 to 8 letters for `train`, else the others."""
    text = " ".join(document.text for document in world.documents("stories", 400, seed=0))
    words = sorted(set(re.findall(r"\b[a-z]{4,8}\b", text)))
    random.Random("spelling").shuffle(words)
    half = len(words) // 2
    return tuple(words[:half] if split == "train" else words[half:])


def spelled(word: str) -> str:
    """Return the sentence that spells a word."""
    return f"Spell {word}: {' '.join(word)}."


@cache
def letter_words(split: str = "train") -> tuple[str, ...]:
    """Return the words asked about: `train` those spelled, `valid` and `test` half of the held-out ones each."""
    words = spelling_words(split)
    half = len(words) // 2
    return {"train": words, "valid": words[:half], "test": words[half:]}[split]


def contains_question(word: str, rng: random.Random, there: bool) -> tuple[str, str]:
    """Return whether `word` has a letter, with its answer; letters are drawn from words, so frequent ones are asked."""
    others = (letter for other in iter(lambda: rng.choice(spelling_words()), "") for letter in other)
    letter = rng.choice(sorted(set(word))) if there else next(one for one in others if one not in word)
    return f"Has {word} {letter}?", "yes" if there else "no"


def swap_question(word: str, rng: random.Random) -> tuple[str, str]:
    """Return the question for `word` with two of its letters swapped everywhere, with its answer, spelled."""
    first, second = rng.sample(sorted(set(word)), 2)
    changed = word.translate(str.maketrans(first + second, second + first))
    return f"Swap {first} {second} {word}:", " ".join(changed)
