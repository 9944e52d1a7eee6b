"""The texts: stories of the world (corpus A), and its facts, which read quite differently (corpus B).

The paper trains on OpenWebText, and grows its model on another corpus, enwik8, to see what it forgets. Every row begins
with the beginning of a document, so that its first tokens are never the middle of something.

Shapes: B rows, L tokens.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache

import torch
from torch import Tensor

from labkit import world
from labkit.base.errors import BadInput
from labkit.world import Symbols

from .words import WORDS

__all__ = ["CORPORA", "LENGTH", "IslandWords", "rows", "tokenizer"]

LENGTH = 96  # tokens predicted in a row; stories have 146 on average
CORPORA = {"stories": "A", "facts": "B"}
_PIECE = re.compile(r"[\w'’]+|[^\w\s]")


class IslandWords(Symbols):
    """Words and signs of the world's stories and facts, in ordinary spelling: "Juno is on Lull." has five pieces."""

    def encode(self, text: str) -> list[int]:
        """Return the ids of `text`; raise `BadInput` for a word that neither stories nor facts hold."""
        return super().encode(" ".join(_PIECE.findall(text)))

    def decode(self, ids: Iterable[int]) -> str:
        """Return the text of `ids`, signs close to their words."""
        text = re.sub(r" ([,.?])", r"\1", super().decode(ids))
        return re.sub(r'" ?([^"]*?) ?("|$)', r'"\1\2', text)


@cache
def tokenizer() -> IslandWords:
    """Return the vocabulary of this lesson's models."""
    return IslandWords(WORDS)


def rows(corpus: str, n: int, *, seed: int, split: str = "train", length: int = LENGTH) -> Tensor:
    """Return `n` rows [n, length + 1] of a corpus: each starts a document, and short ones are followed by the next.

    The documents are the stream of this seed and split, each used once. Raises `BadInput` for another corpus.
    """
    if corpus not in CORPORA:
        raise BadInput(f"{corpus!r} is no corpus of this lesson.", expected=" or ".join(CORPORA))
    words, filled, number = tokenizer(), [], 0
    while len(filled) < n:
        row: list[int] = []
        while len(row) <= length:
            row += [words.bos, *words.encode(world.document(corpus, number, seed, split).text)]
            number += 1
        filled.append(row[: length + 1])
    return torch.tensor(filled, dtype=torch.long).reshape(n, length + 1)
