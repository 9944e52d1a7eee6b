"""The tokenizer: every word of the world is one piece, and everything else falls back to bytes.

A byte-level BPE of `tokenizers`, trained on the world's own text. Words keep the space before them, and a space is put
before the first one, so that a name is the same piece at the start of a text as anywhere else. `decode(encode(text))`
is `text` for any text. Run `python -m labkit.world.pieces` to train it again; the result is the same file.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import lru_cache
from pathlib import Path

from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

from labkit.base.data import data_dir
from labkit.base.errors import BadInput, BrokenFile
from labkit.base.files import write_atomically

from .streams import documents

__all__ = ["WorldTokenizer", "load", "train"]

# No text can contain these two: bytes outside ASCII are spelled with other letters inside the tokenizer.
BOS, EOS = "‹begin›", "‹end›"
_MERGED_PIECES = 700  # specials, bytes and merges, for words the world does not know
# On plain words and punctuation with single spaces the library splits text exactly so.
_SPLIT = re.compile(r" ?[A-Za-z]+| ?[^A-Za-z ]+").findall
_PLAIN = re.compile(r" ?(?:[A-Za-z]+|[.,;:?!\"]+)").fullmatch
_TAUGHT = ("stories", "facts", "copying", "recall", "choice")  # what the pieces were learned from
_SAMPLE = 4000  # documents of each part


class WorldTokenizer:
    """Text to token ids and back, with a piece for the begin and for the end of a text."""

    def __init__(self, inner: Tokenizer):
        self.inner = inner
        self.bos: int = inner.token_to_id(BOS)
        self.eos: int = inner.token_to_id(EOS)
        readable = {piece.replace("Ġ", " "): i for piece, i in inner.get_vocab().items()}
        self._plain_ids = {piece: i for piece, i in readable.items() if _PLAIN(piece)}

    @property
    def vocab_size(self) -> int:
        """The number of pieces."""
        return self.inner.get_vocab_size()

    def encode(self, text: str) -> list[int]:
        """Return the ids of `text`, without begin and end."""
        plain = self._plain(text)
        if plain is not None:
            return plain
        _check_text(text)
        return self.inner.encode(text, add_special_tokens=False).ids

    def _plain(self, text: str) -> list[int] | None:
        """Return the ids of a text of known plain words, or None: a look-up, much faster than the general way."""
        if not isinstance(text, str) or text[:1] == " " or text[-1:] == " " or "  " in text:
            return None
        ids = self._plain_ids
        try:
            return [ids[word] for word in _SPLIT(" " + text)] if text else []
        except KeyError:
            return None

    def encode_batch(self, texts: Sequence[str]) -> list[list[int]]:
        """Return the ids of each text."""
        return [self.encode(text) for text in texts]

    def encode_documents(self, texts: Sequence[str]) -> list[list[int]]:
        """Return the ids of whole documents: begin, text, end."""
        return [[self.bos, *ids, self.eos] for ids in self.encode_batch(texts)]

    def decode(self, ids: Iterable[int]) -> str:
        """Return the text of `ids`; begin and end are silent, bytes that are no letter show as a question mark sign."""
        return self.inner.decode([i for i in map(int, ids) if i not in (self.bos, self.eos)], skip_special_tokens=False)

    def pieces(self, ids: Iterable[int]) -> list[str]:
        """Return each id as a readable piece, with the space before a word kept."""
        return [self._piece(int(i)) for i in ids]

    def _piece(self, i: int) -> str:
        piece = self.inner.id_to_token(i)
        if piece is None:
            raise BadInput(f"There is no piece {i}.", expected=f"a number from 0 to {self.vocab_size - 1}")
        return piece if i in (self.bos, self.eos) else decoders.ByteLevel().decode([piece])


def _check_text(text: str) -> None:
    if not isinstance(text, str):
        raise BadInput(f"A {type(text).__name__} is not a text.", expected="a string")
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise BadInput(
            f"Character {error.start} is half a letter (a lone surrogate).",
            expected="text that can be written as UTF-8",
            do="read the file again with the right encoding",
        ) from error


def _dressed(model: models.BPE) -> Tokenizer:
    inner = Tokenizer(model)
    inner.normalizer = normalizers.Prepend(" ")
    inner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
    inner.decoder = decoders.Sequence([decoders.ByteLevel(), decoders.Fuse(), decoders.Strip(" ", 1, 0)])
    return inner


def train(texts: Sequence[str]) -> Tokenizer:
    """Return a tokenizer in which each word of `texts` is one piece.

    Merges are learned as usual up to a small size; then the words that are not yet one piece are added whole.
    """
    learner = _dressed(models.BPE())
    trainer = trainers.BpeTrainer(
        vocab_size=_MERGED_PIECES,
        special_tokens=[BOS, EOS],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    learner.train_from_iterator(texts, trainer)
    learned = json.loads(learner.to_str())["model"]
    words: Counter[str] = Counter()
    for text in texts:
        words.update(word for word, _ in learner.pre_tokenizer.pre_tokenize_str(" " + text))
    vocabulary = dict(learned["vocab"])
    for word, _ in sorted(words.items(), key=lambda item: (-item[1], item[0])):
        vocabulary.setdefault(word, len(vocabulary))
    merges = [tuple(merge) for merge in learned["merges"]]
    return _dressed(models.BPE(vocab=vocabulary, merges=merges, ignore_merges=True))


def _path() -> Path:
    return data_dir() / "tokenizer" / "tokenizer.json"


@lru_cache(maxsize=1)
def load() -> WorldTokenizer:
    """Return the shipped tokenizer."""
    path = _path()
    try:
        inner = Tokenizer.from_str(path.read_text(encoding="utf-8"))
    except Exception as error:  # the library raises bare exceptions for anything it cannot read
        raise BrokenFile(
            f"Could not read the tokenizer at {path} ({error}).",
            expected="the file that comes with the course",
            do="restore it, or write it again with: python -m labkit.world.pieces",
        ) from error
    return WorldTokenizer(inner)


def main() -> None:
    """Train on the world's own text and write the shipped file."""
    texts = [document.text for part in _TAUGHT for document in documents(part, _SAMPLE, seed=0)]
    inner = train(texts)
    path = write_atomically(_path(), inner.to_str(pretty=True) + "\n")
    print(f"{path}: {inner.get_vocab_size()} pieces")


if __name__ == "__main__":
    main()
