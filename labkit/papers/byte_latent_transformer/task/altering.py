"""What is done to a text before a model reads it: five kinds of noise (section 6 of the paper), other scripts."""

from __future__ import annotations

import random

from labkit.base.errors import BadInput, unknown

from .encoding import byte_ids

__all__ = ["NOISES", "SCRIPTS", "noised", "transliterated"]


def ant_speak(text: str, rng: random.Random) -> str:
    """Return the text in capitals, a space after every letter."""
    return " ".join(text.upper())


def drop(text: str, rng: random.Random) -> str:
    """Return the text without one letter in ten."""
    return "".join(letter for letter in text if rng.random() >= 0.1) or text[:1]


def random_case(text: str, rng: random.Random) -> str:
    """Return the text with each letter large or small by the toss of a coin."""
    return "".join(letter.upper() if rng.random() < 0.5 else letter.lower() for letter in text)


def repeat(text: str, rng: random.Random) -> str:
    """Return the text with one letter in five written up to four times more."""
    return "".join(letter * (1 + (rng.randint(1, 4) if rng.random() < 0.2 else 0)) for letter in text)


def upper_case(text: str, rng: random.Random) -> str:
    """Return the text in capitals."""
    return text.upper()


NOISES = {
    "AntSpeak": ant_speak,
    "Drop": drop,
    "RandomCase": random_case,
    "Repeat": repeat,
    "UpperCase": upper_case,
}


def noised(text: str, noise: str, seed: int = 0) -> str:
    """Return `text` with one of the five noises; raise `UnknownName` for another, `BadInput` for what is no text."""
    if noise not in NOISES:
        raise unknown("noise", noise, tuple(NOISES))
    if not isinstance(text, str):
        raise BadInput(f"{text!r} of type {type(text).__name__} is no text.", expected="text")
    if text:
        byte_ids(text)  # refuses what UTF-8 cannot write
    return NOISES[noise](text, random.Random(f"{noise}/{seed}/{text}"))


# Each Latin letter as one letter of another alphabet, two or three bytes each.
SCRIPTS = {
    "Greek": "αβγδεζηθικλμνξοπρστυφχψωϕϑ",
    "Cyrillic": "абцдефгхийклмнопярстувжшыз",
    "Devanagari": "अबचदएफगहइजकलमनओपखरसतउवथझयष",
}


def transliterated(text: str, script: str) -> str:
    """Return `text` with its Latin letters in another script, one for one (capitals as small ones)."""
    if script not in SCRIPTS:
        raise unknown("script", script, tuple(SCRIPTS))
    return text.lower().translate(str.maketrans("abcdefghijklmnopqrstuvwxyz", SCRIPTS[script]))
