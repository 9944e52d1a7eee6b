"""Streams: every part has its own seeds, so that a document depends on nothing but (part, split, seed, number)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from random import Random
from typing import Any

from labkit.base.errors import BadInput, unknown

from . import choice, copying, facts, places, stories
from .drivers import Driver, Misread, Reader, Replayer, Writer

__all__ = [
    "PARTS",
    "SPLITS",
    "VERSION",
    "Document",
    "corpus",
    "document",
    "documents",
    "floor",
    "parse",
    "story",
    "stream",
    "write",
]

VERSION = "1"  # of the text: changes when any existing document does (the golden-hash test says when)
_BATCH = 256  # documents tokenized at a time
SPLITS = ("train", "valid", "test")

_TELL: dict[str, Callable[[Driver, str], Any]] = {
    "stories": stories.tell,
    "facts": facts.tell,
    "copying": copying.tell_copying,
    "recall": copying.tell_recall,
    "choice": choice.tell,
    "places": places.tell,
}
PARTS = tuple(_TELL)
# Where a split uses other templates or subjects than training, what it was drawn with is no floor for a trained model.
_ONE_DISTRIBUTION = ("stories", "copying", "places")


@dataclass(frozen=True)
class Document:
    """A text with the choices behind it.

    `logprob` is the generator's exact log-probability of `text` in nats (its end included, which is certain), and
    None where the split's distribution differs from training's. `state` is how a story's day ended.
    """

    text: str
    part: str
    split: str
    choices: tuple
    logprob: float | None
    state: stories.State | None = None


def _finished(pen: Writer | Replayer | Reader, part: str, split: str, state: stories.State | None) -> Document:
    exact = split == "train" or part in _ONE_DISTRIBUTION
    return Document(pen.text, part, split, tuple(pen.choices), pen.logprob if exact else None, state)


def _check(part: str, split: str) -> None:
    if part not in _TELL:
        raise unknown("part of the world", part, PARTS)
    if split not in SPLITS:
        raise unknown("split", split, SPLITS)


def document(part: str, number: int, seed: int, split: str = "train") -> Document:
    """Return one document: always the same one for the same arguments."""
    _check(part, split)
    pen = Writer(Random(f"{part}/{split}/{seed}/{number}"))
    return _finished(pen, part, split, _TELL[part](pen, split))


def documents(part: str, n: int, seed: int, split: str = "train") -> list[Document]:
    """Return the first `n` documents of a part's stream."""
    if n < 0:
        raise BadInput(f"{n} documents were asked for.", expected="a number from 0 up")
    return [document(part, number, seed, split) for number in range(n)]


def story(seed: int) -> Document:
    """Return the story with this seed."""
    return document("stories", 0, seed)


def stream(shares: Mapping[str, float], seed: int, split: str = "train") -> Iterator[Document]:
    """Yield documents for ever, so that each part's share of the characters tends to its share in `shares`.

    The part furthest behind comes next. No chance is involved: adding a part moves documents but changes none.
    """
    for part, share in shares.items():
        _check(part, split)
        if not share >= 0:
            raise BadInput(f"The share of {part} is {share}.", expected="a number from 0 up")
    total = sum(shares.values())
    if not total > 0:
        raise BadInput("All shares are zero.", expected="at least one part with a share above 0")
    wanted = {part: share / total for part, share in shares.items() if share > 0}
    written, numbers = dict.fromkeys(wanted, 0), dict.fromkeys(wanted, 0)
    while True:
        part = min(wanted, key=lambda name: written[name] / wanted[name])
        result = document(part, numbers[part], seed, split)
        numbers[part] += 1
        written[part] += len(result.text)
        yield result


def write(part: str, choices: tuple, split: str = "train") -> Document:
    """Return the document of given choices; raise `BadInput` when they cannot be made. The inverse of `parse`."""
    _check(part, split)
    pen = Replayer(choices)
    return _finished(pen, part, split, _TELL[part](pen, split))


def parse(text: str, part: str | None = None) -> Document:
    """Return the document behind `text`: part, split, choices, log-probability. The inverse of the generator.

    Raises `Misread` (a `BadInput`) at the place where no part of the world could go on so; `check` says why.
    """
    furthest: Misread | None = None
    for name in PARTS if part is None else (part,):
        for split in SPLITS[:1] if name in _ONE_DISTRIBUTION else SPLITS:
            _check(name, split)
            pen = Reader(text)
            try:
                state = _TELL[name](pen, split)
                pen.finish()
            except Misread as error:
                if furthest is None or error.position > furthest.position:
                    furthest = error
            else:
                return _finished(pen, name, split, state)
    raise furthest


def floor(documents: list[Document], tokens: int) -> float:
    """Return the least mean loss any model can reach on `documents`, in nats a token.

    `tokens` counts what is predicted: every token of the texts and the end of each, not the begin.
    """
    if any(document.logprob is None for document in documents):
        raise BadInput("These documents have no exact floor.", expected="stories, copying, places, or the train split")
    return -sum(document.logprob for document in documents) / tokens


def corpus(tokenizer: Any, shares: Mapping[str, float], n_tokens: int, seed: int, split: str) -> list[list[int]]:
    """Return the stream's documents as token ids until there are `n_tokens`."""
    made: list[list[int]] = []
    count, source = 0, stream(shares, seed, split)
    while count < n_tokens:
        for ids in tokenizer.encode_documents([document.text for document in islice(source, _BATCH)]):
            if count < n_tokens:
                made.append(ids)
                count += len(ids)
    return made
