"""Long documents full of distractors: a day of the islands, with sentences about other people put between its own.

The paper's BABILong scatters the facts of a small story in the text of novels. Here the story is one of the world's
days, the distractors are facts about the register (who keeps what, who lives where), and the question at the end is
who has the lantern. Nothing in a distractor bears on it.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from random import Random

from labkit import world
from labkit.base.errors import BadInput

__all__ = ["DISTRACTORS", "LONGEST", "scatter", "sentences"]

DISTRACTORS, LONGEST = 8, 248  # sentences put in at most, tokens of body and tail together (lab/deep reads 256)


def sentences(pieces: Sequence[str]) -> list[tuple[int, int]]:
    """Return where each sentence of a text starts and ends, in tokens; `"Listen," said Pilar.` is one sentence."""
    found, start = [], 0
    for i, piece in enumerate(pieces):
        if piece == "." or piece == '."' or piece == "?":
            found.append((start, i + 1))
            start = i + 1
    return found if start == len(pieces) else [*found, (start, len(pieces))]


@cache
def _facts(n: int = 300, seed: int = 0) -> tuple[tuple[int, ...], ...]:
    """Return single sentences about people who are not in the story, as token ids."""
    words, found = world.tokenizer(), []
    for one in world.documents("facts", n, seed):
        ids = words.encode(one.text)
        found += [tuple(ids[a:b]) for a, b in sentences(words.pieces(ids))]
    return tuple(dict.fromkeys(found))


def scatter(body: Sequence[int], room: int, seed: int, distractors: int = DISTRACTORS) -> tuple[int, ...]:
    """Return the body with up to `distractors` sentences of facts between its own, no longer than `room` tokens.

    Always the same for the same arguments. Raises `BadInput` for a negative number.
    """
    if distractors < 0:
        raise BadInput(f"{distractors} distractors were asked for.", expected="a number from 0 up")
    random, words = Random(f"scatter/{seed}"), world.tokenizer()
    parts = [list(body[a:b]) for a, b in sentences(words.pieces(body))]
    length = len(body)
    for fact in random.sample(_facts(), distractors):
        if length + len(fact) <= room:
            parts.insert(random.randint(1, len(parts)), list(fact))  # the first sentence opens the day
            length += len(fact)
    return tuple(token for part in parts for token in part)
