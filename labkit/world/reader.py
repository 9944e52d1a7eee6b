"""What is wrong with a text: every sentence is recognised, replayed and held against the rules.

A text that `parse` accepts has no problems. For any other, each sentence is matched against all that a story can say;
what it claims is compared with the day so far, and the day goes on as told, so that one slip is reported once.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from labkit.base.errors import BadInput

from .canon import GOODS, ISLANDS, NAMES, RELATIONS, RESIDENTS
from .events import State, happen, objections
from .events import wordings as wordings
from .pens import Misread
from .streams import PARTS, documents, parse

__all__ = ["Problem", "check", "unknown_words"]


@dataclass(frozen=True)
class Problem:
    """One thing wrong: its sort, a plain sentence, and where in the text."""

    sort: str
    sentence: str
    position: int

    def __str__(self) -> str:
        return self.sentence


def check(text: str) -> list[Problem]:
    """stub"""
    return []


def unknown_words(text: str) -> list[str]:
    """stub"""
    return []
