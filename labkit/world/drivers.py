"""One grammar, read both ways: the same `tell(pen)` writes a text or reads it back, depending on the pen.

A part of the world is a function that takes a pen, says fixed words and picks among alternatives. A `Writer` picks by
chance, a `Replayer` picks what it is told, a `Reader` picks whatever stands in the text. All three add up the exact
log-probability of the picks. Because no alternative of a pick begins with another one, a text has one reading, the
probability of a text is the product of its picks, and no model can do better on average than the entropy of the picks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from math import log
from random import Random
from typing import Any

from labkit.base.errors import BadInput

__all__ = ["Driver", "Groups", "Misread", "Reader", "Replayer", "Wordings", "Writer"]

Key = Any  # a string or a tuple of strings, anything hashable with value equality
Groups = Sequence[tuple[float, Sequence[Key]]]  # (weight, alternatives that share it equally)
Wordings = Callable[[Key], Sequence[str]]  # the ways to put an alternative, all equally likely
Choice = tuple[Key, int]  # the alternative and which of its paraphrases


class Misread(BadInput):
    """The text leaves the grammar at `position`; `wanted` shows some of what could have stood there."""

    def __init__(self, position: int, found: str, wanted: Sequence[str]):
        self.position, self.wanted = position, tuple(wanted)
        shown = " | ".join(repr(text.strip()) for text in self.wanted)
        super().__init__(
            f"At character {position} the text goes on {found[:40]!r}.",
            expected=f"for instance {shown}" if self.wanted else "the end of the text",
        )


class Driver:
    """What all drivers share: the choices so far, in text order, and their log-probability in nats."""

    def __init__(self) -> None:
        self.choices: list[Choice] = []
        self.logprob = 0.0

    def say(self, text: str) -> None:
        """Pass over words that are certain."""
        raise NotImplementedError

    def pick(self, groups: Groups, texts: Wordings) -> Key:
        """Return one alternative of `groups`; `texts(key)` lists the ways to put it, all equally likely."""
        raise NotImplementedError

    def one_of(self, keys: Sequence[Key], texts: Wordings) -> Key:
        """Pick among equally likely alternatives."""
        return self.pick(((1.0, keys),), texts)


class Writer(Driver):
    """Writes a new text, choosing by `rng`."""

    def __init__(self, rng: Random):
        super().__init__()
        self._random = rng.random
        self._pieces: list[str] = []

    @property
    def text(self) -> str:
        """The text written so far."""
        return "".join(self._pieces)

    def say(self, text: str) -> None:
        self._pieces.append(text)

    def pick(self, groups: Groups, texts: Wordings) -> Key:
        random, probability = self._random, 1.0
        weight, keys = groups[0]
        if len(groups) > 1:
            total = sum([group[0] for group in groups])  # a list: this is the hottest line of the world
            mark = random() * total
            for weight, keys in groups:  # noqa: B007 (both are used after the loop)
                mark -= weight
                if mark < 0.0:
                    break
            probability = weight / total
        n_keys = len(keys)
        key = keys[int(random() * n_keys)] if n_keys > 1 else keys[0]
        ways = texts(key)
        n_ways = len(ways)
        way = int(random() * n_ways) if n_ways > 1 else 0
        self.logprob += log(probability / (n_keys * n_ways))
        self.choices.append((key, way))
        self._pieces.append(ways[way])
        return key


def _choose(pen: Driver, groups: Groups, texts: Wordings, chosen: list) -> None:
    """Record `chosen`, a list of (weight, number of keys, key, way, ...) with exactly one entry."""
    weight, n_keys, key, way = chosen[0][:4]
    total = sum(group[0] for group in groups)
    pen.logprob += log(weight / (total * n_keys * len(texts(key))))
    pen.choices.append((key, way))


class Replayer(Driver):
    """Writes the text of given choices; raises `BadInput` when one is not on offer."""

    def __init__(self, choices: Iterable[Choice]):
        super().__init__()
        self._orders = iter(choices)
        self._pieces: list[str] = []

    @property
    def text(self) -> str:
        """The text written so far."""
        return "".join(self._pieces)

    def say(self, text: str) -> None:
        self._pieces.append(text)

    def pick(self, groups: Groups, texts: Wordings) -> Key:
        key, way = next(self._orders, (None, 0))
        found = [(weight, len(keys), key, way) for weight, keys in groups if key in keys]
        if not found or not 0 <= way < len(texts(key)):
            offered = [str(other) for _, keys in groups for other in keys]
            raise BadInput(
                f"Choice {len(self.choices) + 1} is {key!r} ({way}), which is not on offer there.",
                expected="one of: " + ", ".join(offered[:8]) + (", …" if len(offered) > 8 else ""),
            )
        _choose(self, groups, texts, found)
        self._pieces.append(texts(key)[way])
        return key


class Reader(Driver):
    """Reads `text` back into choices; raises `Misread` where the text leaves the grammar."""

    def __init__(self, text: str):
        super().__init__()
        self.text = text
        self.position = 0

    def say(self, text: str) -> None:
        if not self.text.startswith(text, self.position):
            raise Misread(self.position, self.text[self.position :], [text])
        self.position += len(text)

    def pick(self, groups: Groups, texts: Wordings) -> Key:
        startswith, here = self.text.startswith, self.position
        found = [
            (weight, len(keys), key, way, len(put))
            for weight, keys in groups
            for key in keys
            for way, put in enumerate(texts(key))
            if startswith(put, here)
        ]
        if len(found) != 1:
            if found:
                raise RuntimeError(f"The grammar is ambiguous at {self.text[here:][:60]!r}: {found}")
            raise Misread(here, self.text[here:], [texts(key)[0] for _, keys in groups for key in keys[:2]][:4])
        _choose(self, groups, texts, found)
        self.position += found[0][4]
        return found[0][2]

    def finish(self) -> None:
        """Raise `Misread` unless the whole text has been read."""
        if self.position != len(self.text):
            raise Misread(self.position, self.text[self.position :], [])
