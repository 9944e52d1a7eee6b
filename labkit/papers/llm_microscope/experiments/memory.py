"""What can be read out of a token: C, its baselines, the information gain, by token class and matched.

gain     = C of nothing - C                  what the token's states tell of the words before it
own word = C of nothing - C of its own word  the part that the word itself gives away, without any context
context  = C of its own word - C             the rest: only this was brought to the token from elsewhere

All in nats a word, the mean over up to `window` words before the token.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

import torch
from torch import Tensor

from labkit import world
from labkit.base.errors import BadInput, unknown
from labkit.measurements import Estimate, mean_over
from labkit.measurements.tables import text_table

from ..method.contextualiser import Contextualiser, windows
from ..method.states import states_of
from ..method.storage import Reader, load_reader
from ..task.classes import CLASSES, classes_of

__all__ = ["QUANTITIES", "Gap", "Memory", "Rebuilt", "frequencies", "gap", "read_memory", "rebuild", "test_stories"]

QUANTITIES = ("C", "gain", "own word", "context")
FIRST = 2  # the first position with a word before it
CHUNK = 1024
NEAR, ALIKE = 4, 4.0  # matched: at most so many tokens apart, at most so many times as frequent


@dataclass(frozen=True)
class Memory:
    """One row a token that has a past: where it stands, its class, and nats a word under the three conditions.

    words: how many words its window holds. C, own_word_C, empty_C: given all levels, its own word, nothing.
    """

    ids: tuple[int, ...]
    document: tuple[int, ...]
    position: tuple[int, ...]
    classes: tuple[str, ...]
    words: tuple[int, ...]
    C: tuple[float, ...]
    own_word_C: tuple[float, ...]
    empty_C: tuple[float, ...]

    def values(self, quantity: str = "C") -> list[float]:
        """Return one number a token: "C", "gain", "own word" or "context", in nats a word."""
        if quantity not in QUANTITIES:
            raise unknown("quantity", quantity, QUANTITIES)
        high, low = {
            "C": (self.C, None),
            "gain": (self.empty_C, self.C),
            "own word": (self.empty_C, self.own_word_C),
            "context": (self.own_word_C, self.C),
        }[quantity]
        return list(high) if low is None else [a - b for a, b in zip(high, low)]

    def total(self) -> list[float]:
        """Return C as a sum over the window, in nats: the number of words times C."""
        return [one * count for one, count in zip(self.C, self.words)]

    def of_class(self, name: str) -> list[int]:
        """Return the rows of a class; raise `BadInput` where no token is of it."""
        if name not in CLASSES:
            raise unknown("class of tokens", name, CLASSES)
        rows = [row for row, one in enumerate(self.classes) if one == name]
        if not rows:
            raise BadInput(f"None of these tokens is of class {name}.", expected="a text that has one", do="add one")
        return rows

    def mean(self, name: str, quantity: str = "C", *, seed: int = 0) -> Estimate:
        """Return the mean over the tokens of a class, with the bootstrap interval over documents."""
        values, rows = self.values(quantity), self.of_class(name)
        sums: Counter[int] = Counter()
        counts = Counter(self.document[row] for row in rows)
        for row in rows:
            sums[self.document[row]] += values[row]
        means = [sums[one] / counts[one] for one in sorted(counts)]
        weights = [counts[one] for one in sorted(counts)]
        return mean_over(means, weights=weights, seed=seed, name=f"{quantity}, {name}", unit="nats a word")

    @cached_property
    def present(self) -> tuple[str, ...]:
        """The classes that occur, the most frequent first."""
        return tuple(name for name, _ in Counter(self.classes).most_common() if name != "other")

    def table(self) -> str:
        """Return one row a class."""
        rows = [
            [name, str(len(self.of_class(name))), *(f"{self.mean(name, one).value:.3f}" for one in QUANTITIES)]
            for name in self.present
        ]
        rows.sort(key=lambda row: float(row[2]))
        return text_table(["class", "tokens", *QUANTITIES], rows, title="Nats a word, up to 16 words back")


def read_memory(
    documents: Sequence[Any],
    reader: Reader | None = None,
    baseline: Reader | None = None,
    *,
    last: int | None = None,
) -> Memory:
    """Return what the reader and its baseline can tell from every token of documents of token ids.

    last: score only so many words right before each token (default: all of its window), given those before them.
    Raises `BadInput` when no token has a word before it.
    """
    if last is not None and last < 1:
        raise BadInput(f"The last {last} words are none.", expected="a number from 1")
    reader, baseline = reader or shipped("reader"), baseline or shipped("own_word")
    ids_found, place, states, words, befores = [], [], [], [], []
    for number, ids in enumerate(documents):
        ids = torch.as_tensor(ids)
        if len(ids) <= FIRST:
            continue
        positions = range(FIRST, len(ids))
        h_SLD = states_of(reader.subject, ids)
        states.append(h_SLD[:, FIRST:].transpose(0, 1))
        befores.append(windows(ids, positions, reader.window))
        ids_found += ids[FIRST:].tolist()
        place += [(number, position) for position in positions]
    if not place:
        raise BadInput("No token here has a word before it.", expected="a text of at least two words", do="write more")
    before_TK = torch.cat(befores)
    there_TK = before_TK >= 0
    places_T = there_TK.sum(1, keepdim=True) - (there_TK.shape[1] if last is None else last)
    scored_TK = there_TK & (torch.arange(there_TK.shape[1]) >= places_T)
    words = scored_TK.sum(1)
    h_TSD = torch.cat(states)
    given = {
        "C": (reader.model, reader.model.embed, h_TSD),
        "own_word_C": (baseline.model, baseline.model.embed, h_TSD[:, :1]),
        "empty_C": (baseline.model, baseline.model.embed, torch.zeros_like(h_TSD[:, :1])),
    }
    found = {name: ((nats(*how, before_TK) * scored_TK).sum(1) / words).tolist() for name, how in given.items()}
    return Memory(
        ids=tuple(ids_found),
        document=tuple(number for number, _ in place),
        position=tuple(position for _, position in place),
        classes=tuple(classes_of(reader.subject, ids_found)),
        words=tuple(words.tolist()),
        **{name: tuple(values) for name, values in found.items()},
    )


@torch.no_grad()
def nats(model: Contextualiser, embed: Any, h_TSD: Tensor, before_TK: Tensor) -> Tensor:
    """Return -log P of each word of each window [T, K], a slice of the tokens at a time."""
    parts = zip(h_TSD.split(CHUNK), before_TK.split(CHUNK))
    return torch.cat([model.loss(embed(h_BSD), before_BK) for h_BSD, before_BK in parts])


@cache
def shipped(kind: str) -> Reader:
    """Return a shipped reader, opened once."""
    return load_reader(f"microscope/{kind}")


def test_stories(n: int, seed: int, split: str = "test") -> list[Tensor]:
    """Return `n` stories as token ids, begin and end included."""
    texts = [one.text for one in world.documents("stories", n, seed, split)]
    return [torch.tensor(ids) for ids in world.tokenizer().encode_documents(texts)]


test_stories.__test__ = False  # pytest takes the name for a test


@cache
def frequencies(n: int = 1000, seed: int = 77) -> Counter[int]:
    """Return how often each token id occurs in `n` training stories."""
    return Counter(int(token) for ids in test_stories(n, seed, "train") for token in ids)


@dataclass(frozen=True)
class Gap:
    """The difference between two classes, one value a document, and how many pairs of tokens it rests on."""

    first: str
    second: str
    quantity: str
    matched: bool
    difference: Estimate
    pairs: int

    def table(self) -> str:
        """Return the gap as one line."""
        how = "matched" if self.matched else "all tokens"
        one = self.difference
        return (
            f"{f'{self.quantity}, {how}':20} {one.value:+.3f} [{one.low:+.3f}, {one.high:+.3f}] nats a word, "
            f"{self.pairs:,} pairs in {one.n} stories"
        )


def gap(memory: Memory, first: str, second: str, quantity: str = "C", *, matched: bool = False, seed: int = 0) -> Gap:
    """Return class `first` minus class `second`, the interval over documents.

    matched: each token of the first class is compared with the nearest one of the second in the same document, at most
    four tokens away and at most four times as frequent or as rare; without such a partner it is left out.
    Raises `BadInput` when fewer than two documents have both.
    """
    values = memory.values(quantity)
    per_document: dict[int, tuple[list[int], list[int]]] = {}
    for side, name in enumerate((first, second)):
        for row in memory.of_class(name):
            per_document.setdefault(memory.document[row], ([], []))[side].append(row)
    differences, pairs = [], 0
    for _, (ones, others) in sorted(per_document.items()):
        found = _matched(memory, ones, others) if matched else [(a, b) for a in ones for b in others]
        if found:
            differences.append(sum(values[a] - values[b] for a, b in found) / len(found))
            pairs += len(found)
    if len(differences) < 2:
        raise BadInput(
            f"{len(differences)} documents have comparable tokens of class {first} and {second}.",
            expected="at least two",
            do="give more documents",
        )
    name = f"{quantity}, {first} − {second}"
    return Gap(
        first, second, quantity, matched,
        mean_over(differences, seed=seed, name=name, unit="nats a word", null=0.0), pairs,
    )  # fmt: skip


def _matched(memory: Memory, ones: Sequence[int], others: Sequence[int]) -> list[tuple[int, int]]:
    counts, found = frequencies(), []
    for a in ones:
        near = [
            (abs(memory.position[a] - memory.position[b]), b)
            for b in others
            if abs(memory.position[a] - memory.position[b]) <= NEAR
            and 1 / ALIKE <= (counts[memory.ids[a]] + 1) / (counts[memory.ids[b]] + 1) <= ALIKE
        ]
        if near:
            found.append((a, min(near)[1]))
    return found


@dataclass(frozen=True)
class Rebuilt:
    """What the reader thinks came before one token: the words it wrote, those that stood there, and their nats."""

    token: str
    written: str
    true: str
    written_pieces: tuple[str, ...]
    true_pieces: tuple[str, ...]
    right: int
    words: int
    C: float
    gain: float


def rebuild(text: str, position: int, reader: Reader | None = None, baseline: Reader | None = None) -> Rebuilt:
    """Return the reader's most likely words before token `position` of a text (the begin token is 0)."""
    reader, baseline = reader or shipped("reader"), baseline or shipped("own_word")
    ids = reader.subject.encode(text)
    before_BK = windows(ids, [position], reader.window)
    count = int((before_BK >= 0).sum())
    h_BSD = states_of(reader.subject, ids)[:, position][None]
    with torch.no_grad():
        e_BD = reader.model.embed(h_BSD)
        written = reader.model.write(e_BD, count)[0]
        C = float(reader.model.loss(e_BD, before_BK).sum()) / count
        nothing_BD = baseline.model.embed(torch.zeros_like(h_BSD[:, :1]))
        empty = float(baseline.model.loss(nothing_BD, before_BK).sum()) / count
    subject, true = reader.subject, before_BK[0, :count]
    return Rebuilt(
        token=subject.pieces([int(ids[position])])[0],
        written=subject.decode(written),
        true=subject.decode(true),
        written_pieces=tuple(subject.pieces(written)),
        true_pieces=tuple(subject.pieces(true)),
        right=int((written == true).sum()),
        words=count,
        C=C,
        gain=empty - C,
    )
