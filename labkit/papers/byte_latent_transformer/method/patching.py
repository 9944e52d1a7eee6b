"""Patching functions: which byte starts a patch (section 2 of the paper).

A patcher maps ids [n] to starts [n + 1]: entry i says whether byte i starts a patch, the last entry whether the byte
to come does. It is incremental when entry i depends on bytes before i alone: only then can text be generated with it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from labkit.base.errors import BadInput

from ..task import DELIMITER, EOS, OFFSET, byte_ids

__all__ = [
    "BPE",
    "Delimited",
    "Entropy",
    "Patcher",
    "Space",
    "Strided",
    "TopK",
    "calibrated",
    "patches",
    "space_like",
]

Entropies = Callable[[np.ndarray], np.ndarray]  # ids [n] -> entropy in nats before each byte, and of the one to come


class Patcher(Protocol):
    """What every patching function offers."""

    incremental: bool

    def starts(self, ids: np.ndarray) -> np.ndarray:
        """Return who starts a patch [n + 1] among ids [n]."""
        ...


@dataclass(frozen=True)
class Strided:
    """A patch every `size` bytes (MegaByte), 4.5 being 5 and 4 by turns; with size 1 every byte is a patch."""

    size: float
    incremental = True

    def __post_init__(self) -> None:
        if not 1 <= self.size < math.inf:
            raise BadInput(f"A patch of {self.size!r} bytes cannot be.", expected="a number from 1 up")

    def starts(self, ids: np.ndarray) -> np.ndarray:
        """Return who starts a patch [n + 1]."""
        return np.diff(np.floor(np.arange(len(ids) + 1) / self.size), prepend=-1) > 0


def space_like(ids: np.ndarray) -> np.ndarray:
    """Return which ids are no letter, no digit and no UTF-8 continuation byte [n] (section 2.2)."""
    byte = np.asarray(ids) - OFFSET
    digit = (byte >= 48) & (byte <= 57)
    letter = ((byte >= 65) & (byte <= 90)) | ((byte >= 97) & (byte <= 122))
    return ~(digit | letter | ((byte >= 128) & (byte < 192)))


@dataclass(frozen=True)
class Space:
    """A patch ends with the first space-like byte after a letter (SpaceByte)."""

    incremental = True

    def starts(self, ids: np.ndarray) -> np.ndarray:
        """Return who starts a patch [n + 1]."""
        space = space_like(ids)
        before = np.concatenate(([False], ~space))[:-1] if len(ids) else space
        return np.concatenate(([True], space & before))


@dataclass(frozen=True)
class Entropy:
    """A patch starts where the next byte is hard to foresee (equation 1 and section 2.3).

    entropies: H of each byte given those before it, in nats. above: start where H_t > above (global constraint).
    rise: start where H_t - H_{t-1} > rise (approximate monotonic constraint). Both given: where both hold, as in the
    authors' code. longest: patches are cut after so many bytes. Raises `BadInput` for a threshold that is no number.
    """

    entropies: Entropies
    above: float | None = None
    rise: float | None = None
    longest: int | None = None
    incremental = True

    def __post_init__(self) -> None:
        given = [value for value in (self.above, self.rise) if value is not None]
        if not given or any(math.isnan(value) for value in given):
            raise BadInput(
                f"The thresholds are above = {self.above}, rise = {self.rise}.",
                expected="a number for one of them, or for both",
            )
        if self.longest is not None and self.longest < 1:
            raise BadInput(f"The longest patch is {self.longest} bytes.", expected="at least 1")

    def starts(self, ids: np.ndarray) -> np.ndarray:
        """Return who starts a patch [n + 1]."""
        return self.from_entropies(self.entropies(ids))

    def from_entropies(self, h: np.ndarray) -> np.ndarray:
        """Return who starts a patch, from the entropies [n + 1] alone."""
        starts = np.ones(len(h), dtype=bool)
        if self.above is not None:
            starts &= h > self.above
        if self.rise is not None:
            starts &= np.diff(h, prepend=-np.inf) > self.rise
        starts[0] = True
        return starts if self.longest is None else chopped(starts, self.longest)


def chopped(starts: np.ndarray, longest: int) -> np.ndarray:
    """Return `starts` with a further start in every patch after `longest` bytes."""
    since = np.arange(len(starts)) - np.maximum.accumulate(np.where(starts, np.arange(len(starts)), 0))
    return starts | (since % longest == 0)


@dataclass(frozen=True)
class TopK:
    """The bytes of highest entropy in the whole text start patches: one for `size` bytes. Not incremental."""

    entropies: Entropies
    size: float
    incremental = False

    def __post_init__(self) -> None:
        if not self.size >= 1:
            raise BadInput(f"One patch for {self.size!r} bytes was asked for.", expected="a number from 1 up")

    def starts(self, ids: np.ndarray) -> np.ndarray:
        """Return who starts a patch [n + 1]; the byte to come never does, for it is not of the text."""
        h, starts = self.entropies(ids)[:-1], np.zeros(len(ids) + 1, dtype=bool)
        starts[np.argsort(-h, kind="stable")[: max(1, round(len(ids) / self.size))]] = True
        starts[0] = True
        return starts


@dataclass(frozen=True)
class BPE:
    """The tokens of a BPE tokenizer as patches. Not incremental: a later letter can join earlier ones."""

    tokenizer: Any
    incremental = False

    def starts(self, ids: np.ndarray) -> np.ndarray:
        """Return who starts a patch [n + 1]; the byte to come is taken to start one."""
        starts = np.zeros(len(ids) + 1, dtype=bool)
        starts[np.cumsum([0, *byte_token_lengths(self.tokenizer, ids[ids != EOS])])] = True
        starts[[0, -1]] = True
        return starts


def byte_token_lengths(tokenizer: Any, ids: np.ndarray) -> list[int]:
    """Return the length of each token in bytes; a byte that is no UTF-8 is a token of its own."""
    text = bytes((ids[ids >= OFFSET] - OFFSET).tolist()).decode("utf-8", errors="surrogateescape")
    lengths: list[int] = []
    for part in re.split("([\udc80-\udcff])", text):
        if part:
            lengths += [1] if re.fullmatch("[\udc80-\udcff]", part) else token_lengths(tokenizer, part)
    return lengths


def token_lengths(tokenizer: Any, text: str) -> list[int]:
    """Return the length of each token of `text` in bytes: its byte-level piece has one sign a byte."""
    lengths = [len(tokenizer.inner.id_to_token(token)) for token in tokenizer.encode(text)]
    lengths[0] -= sum(lengths) - len(text.encode("utf-8"))  # the space that the tokenizer puts in front
    return lengths


@dataclass(frozen=True)
class Delimited:
    """A patch starts after every delimiter byte in the text: BPE made incremental, at the price of longer text."""

    incremental = True

    def starts(self, ids: np.ndarray) -> np.ndarray:
        """Return who starts a patch [n + 1]."""
        return np.concatenate(([True], np.asarray(ids) == DELIMITER))

    @staticmethod
    def write(ids: np.ndarray, starts: np.ndarray) -> np.ndarray:
        """Return ids with a delimiter in front of every patch but the first."""
        return np.insert(ids, np.flatnonzero(starts[: len(ids)])[1:], DELIMITER)


def patches(text: str | bytes, patcher: Patcher) -> list[bytes]:
    """Return `text` cut into its patches."""
    ids = byte_ids(text)
    data, cuts = bytes((ids - OFFSET).astype(np.uint8)), np.flatnonzero(patcher.starts(ids)[: len(ids)]).tolist()
    return [data[start:end] for start, end in zip(cuts, [*cuts[1:], len(data)])]


def calibrated(entropies: Sequence[np.ndarray], size: float, rule: str = "above") -> float:
    """Return the threshold at which patches of these texts are `size` bytes long on average.

    For the global rule that is nearly the (1 - 1/size) quantile of H. entropies: [n + 1] of each text, as a patcher
    sees them. Report the size that is reached on other text: a threshold does not carry over.
    """
    if not size > 1:
        raise BadInput(f"A mean patch of {size} bytes was asked for.", expected="more than 1 byte")
    moves = [h[1:-1] if rule == "above" else np.diff(h)[:-1] for h in entropies]  # the first byte starts in any case
    pooled = np.sort(np.concatenate(moves))[::-1]
    wanted = round(sum(len(h) - 1 for h in entropies) / size) - len(entropies)
    if wanted < 1:
        raise BadInput(f"These texts are too short for patches of {size} bytes.", expected="longer texts")
    return float(pooled[min(wanted, len(pooled) - 1)])
