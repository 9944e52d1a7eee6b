"""Who decides where a word ends: one text under several patchers, and which boundaries one more letter moves."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from labkit import world
from labkit.base.errors import BadInput

from ..method.entropy import ByteEntropies
from ..method.patching import BPE, Entropy, Patcher, Space, Strided, TopK, calibrated
from ..task import OFFSET, byte_ids, pages, signs_of
from ..training import entropy_model, threshold

__all__ = [
    "Cuts",
    "Drift",
    "Moved",
    "PatchSizes",
    "WordStarts",
    "cut",
    "drift",
    "moved",
    "moved_over_prefixes",
    "patch_sizes",
    "patchers",
    "word_starts",
]

LONGEST = 400  # bytes in one picture
SHOWN = 60  # letters of a text above a table


def patchers(above: float | None = None) -> dict[str, Patcher]:
    """Return the five patchers of the lesson; `above`: the entropy threshold in nats (default: 4.5 bytes a patch)."""
    entropies = ByteEntropies(entropy_model())
    return {
        "every 4.5 bytes": Strided(4.5),
        "spaces": Space(),
        "BPE tokens": BPE(world.tokenizer()),
        "top entropies": TopK(entropies, 4.5),
        "entropy threshold": Entropy(entropies, above=threshold() if above is None else above),
    }


@dataclass(frozen=True)
class Cuts:
    """A text under several patchers.

    starts: for each, who starts a patch [n]. entropies: in nats before each byte. rule: what is compared with the
    threshold, H itself ("above") or its "rise" from the byte before.
    """

    text: str
    signs: tuple[str, ...]
    starts: Mapping[str, tuple[bool, ...]]
    entropies: tuple[float, ...]
    threshold: float
    rule: str = "above"

    @property
    def over(self) -> tuple[bool, ...]:
        """Which bytes are over the threshold by the rule [n]; the first has nothing to rise from, and is."""
        h = self.entropies
        values = h if self.rule == "above" else [math.inf, *(b - a for a, b in pairwise(h))]
        return tuple(value > self.threshold for value in values)

    def size(self, name: str) -> float:
        """Return the mean bytes a patch under one patcher."""
        return len(self.signs) / sum(self.starts[name])

    def pieces(self, name: str) -> str:
        """Return the text with a bar in front of every patch."""
        return "|".join(self.parts(name))

    def parts(self, name: str) -> list[str]:
        """Return the patches one patcher makes; the text itself may hold bars."""
        cuts = [*np.flatnonzero(self.starts[name]).tolist(), len(self.signs)]
        return ["".join(self.signs[start:end]) for start, end in pairwise(cuts)]

    def table(self) -> str:
        """Return one line a patcher: mean size and pieces."""
        return "\n".join(f"{name:18} {self.size(name):4.1f} bytes  {self.pieces(name)}" for name in self.starts)


def cut(
    text: str, which: Mapping[str, Patcher] | None = None, *, threshold_at: float | None = None, rule: str = "above"
) -> Cuts:
    """Return a text of at most 400 bytes as each patcher cuts it; the figure marks who is over `threshold_at`."""
    ids, which = byte_ids(text), patchers() if which is None else which
    if threshold_at is not None and math.isnan(threshold_at):
        raise BadInput("The threshold is nan.", expected="a number of nats")
    if len(ids) > LONGEST:
        raise BadInput(f"The text has {len(ids)} bytes.", expected=f"at most {LONGEST}, so that it can be drawn")
    return Cuts(
        text=text,
        signs=tuple(signs_of((ids - OFFSET).astype(np.uint8).tobytes())),
        starts={name: tuple(patcher.starts(ids)[:-1].tolist()) for name, patcher in which.items()},
        entropies=tuple(ByteEntropies(entropy_model())(ids)[:-1].round(4).tolist()),
        threshold=threshold() if threshold_at is None else threshold_at,
        rule=rule,
    )


@dataclass(frozen=True)
class PatchSizes:
    """How many patches of each size a patcher makes: counts[name][i] of i + 1 bytes, the last of so many and more."""

    counts: Mapping[str, tuple[int, ...]]

    def shares(self, name: str) -> tuple[float, ...]:
        """Return the share of patches of each size."""
        return tuple(count / sum(self.counts[name]) for count in self.counts[name])

    def table(self) -> str:
        """Return one line a patcher: the share of patches of each size."""
        sizes = range(1, 1 + len(next(iter(self.counts.values()))))
        lines = [f"{name:18}" + "".join(f"{share:5.0%}" for share in self.shares(name)) for name in self.counts]
        return "\n".join([f"{'bytes':18}" + "".join(f"{size:5}" for size in sizes), *lines])


def patch_sizes(texts: Sequence[str], which: Mapping[str, Patcher] | None = None, *, most: int = 16) -> PatchSizes:
    """Return a histogram of the patches of these texts by patcher; sizes from `most` bytes up are counted together."""
    rows, counts = [byte_ids(text) for text in texts], {}
    for name, patcher in (patchers() if which is None else which).items():
        cuts = [np.flatnonzero(patcher.starts(ids)[:-1]) for ids in rows]
        sizes = np.concatenate([np.diff(at, append=len(ids)) for at, ids in zip(cuts, rows)])
        counts[name] = tuple(np.bincount(np.minimum(sizes, most), minlength=most + 1)[1:].tolist())
    return PatchSizes(counts)


@dataclass(frozen=True)
class Moved:
    """How many boundaries of a text moved when a letter was added, by patcher."""

    text: str
    more: str
    boundaries: Mapping[str, int]

    def table(self) -> str:
        """Return one line a patcher."""
        lines = [f"{name:18} {count} moved" for name, count in self.boundaries.items()]
        shown = self.text if len(self.text) <= SHOWN else f"{self.text[:SHOWN]}…"
        return "\n".join([f"{shown!r} + {self.more!r}", *lines])


def moved(text: str, more: str, which: Mapping[str, Patcher] | None = None) -> Moved:
    """Return how many of the boundaries inside `text` change when `more` is written after it."""
    before = byte_ids(text)
    after = np.concatenate((before, byte_ids(more)))
    found = {}
    for name, patcher in (patchers() if which is None else which).items():
        found[name] = int((patcher.starts(before)[:-1] != patcher.starts(after)[: len(before)]).sum())
    return Moved(text, more, found)


def moved_over_prefixes(patcher: Patcher, texts: list[str]) -> list[int]:
    """Return for each text how many boundaries differ between the whole text and its prefixes, over all prefixes."""
    counts = []
    for text in texts:
        ids = byte_ids(text)
        whole = patcher.starts(ids)
        counts.append(sum(int((patcher.starts(ids[:n])[:-1] != whole[:n]).sum()) for n in range(1, len(ids))))
    return counts


@dataclass(frozen=True)
class WordStarts:
    """Mean entropy at the first letter of words and at their other letters, in nats, one pair a page."""

    first: tuple[float, ...]
    rest: tuple[float, ...]

    def table(self) -> str:
        """Return both means."""
        return f"first letters {np.mean(self.first):.2f} nats, other letters {np.mean(self.rest):.2f} nats"


def word_starts(texts: list[str]) -> WordStarts:
    """Return how hard the first letters of words are to foresee, and the other letters."""
    entropies, first, rest = ByteEntropies(entropy_model()), [], []
    for text in texts:
        h, data = entropies(byte_ids(text))[:-1], text.encode()
        letter = np.array([chr(b).isalpha() and b < 128 for b in data])
        begins = letter & ~np.concatenate(([False], letter[:-1]))
        first.append(float(h[begins].mean()))
        rest.append(float(h[letter & ~begins].mean()))
    return WordStarts(tuple(first), tuple(rest))


@dataclass(frozen=True)
class Drift:
    """Bytes a patch in each repetition of a sentence, by rule; one row a sentence."""

    sizes: Mapping[str, tuple[tuple[float, ...], ...]]

    def table(self) -> str:
        """Return the mean bytes a patch in each repetition, one line a rule."""
        rows = {name: np.mean(values, axis=0) for name, values in self.sizes.items()}
        return "\n".join(f"{name:22}" + " ".join(f"{size:5.1f}" for size in row) for name, row in rows.items())


def drift(sentences: list[str], times: int = 4) -> Drift:
    """Return how patches grow where a text repeats itself line by line, and what is done against it.

    Rules: a threshold; the same with the context forgotten at each newline; a threshold on the rise of the entropy.
    All three make patches of 4.5 bytes on the training pages.
    """
    if not sentences or times < 1:
        raise BadInput(f"{len(sentences)} sentences, {times} times each.", expected="at least one, at least once")
    plain, reset = ByteEntropies(entropy_model()), ByteEntropies(entropy_model(), reset=True)
    texts = [byte_ids(text) for text in pages(200, seed=0)]
    rise = calibrated([plain(ids) for ids in texts], 4.5, "rise")
    again = calibrated([reset(ids) for ids in texts], 4.5)
    rules = {
        "threshold": Entropy(plain, above=threshold()),
        "reset at newlines": Entropy(reset, above=again),
        "rise of the entropy": Entropy(plain, rise=rise),
    }
    found: dict[str, list] = {name: [] for name in rules}
    for sentence in sentences:
        line = len(sentence.encode()) + 1
        ids = byte_ids((sentence + "\n") * times)
        for name, rule in rules.items():
            starts = rule.starts(ids)[:-1].reshape(times, line)
            found[name].append(tuple((line / np.maximum(1, starts.sum(1))).tolist()))
    return Drift({name: tuple(rows) for name, rows in found.items()})
