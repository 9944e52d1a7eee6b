"""What the cut panel is asked and what it answers, as values; nothing here needs torch."""

from __future__ import annotations

import re
from dataclasses import dataclass

from labkit import world

__all__ = ["CutData", "CutState", "Day", "Reading", "candidates"]

MOST_WORDS = 6  # candidates shown
MOST_PROBABLE = 4  # pieces shown where the text names nobody to choose from
GO_ON = 12  # tokens a model goes on by
EDITS = {"attention": "DropAttention", "mlp": "DropMLP", "block": "DropBlock"}


@dataclass(frozen=True)
class Day:
    """A ready text: a day in the world up to its question, the words that may answer it, and the one that does."""

    title: str
    text: str
    words: tuple[str, ...]  # each with its space
    right: str


@dataclass(frozen=True)
class CutState:
    """What is left out while which text is read; `part` is "nothing", "attention", "mlp" or "block"."""

    story: str = ""
    part: str = "nothing"
    layer: int = 0


@dataclass(frozen=True)
class Reading:
    """What a model makes of a text: probability of each candidate as the next word, surprise, and how it goes on.

    A word of several pieces counts by its first piece. loss: nats per token, over all tokens but the first.
    """

    probabilities: tuple[float, ...]
    loss: float
    goes_on: str


@dataclass(frozen=True)
class CutData:
    """Both readings of one text; right: the true next word where it is known; unseen: words the world never says."""

    part: str
    layer: int
    words: tuple[str, ...]
    right: str | None
    tokens: int
    unseen: tuple[str, ...]
    intact: Reading
    cut: Reading


def candidates(text: str) -> tuple[str, ...]:
    """Return the residents whom a text names, in order; empty when there are fewer than two to choose from."""
    named = dict.fromkeys(name for name in re.findall(r"[A-Z][a-z]+", text) if name in world.canon.NAMES)
    return tuple(f" {name}" for name in named)[:MOST_WORDS] if len(named) > 1 else ()
