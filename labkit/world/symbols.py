"""Symbols: a tokenizer whose pieces are a fixed list of words, for a paper's task with a small language of its own."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from labkit.base.errors import BadInput

__all__ = ["Symbols"]


class Symbols:
    """Words to ids and back; `between` stands between two words (a space, or nothing for single characters).

    Speaks as `WorldTokenizer` does: `bos` and `eos` are the first two ids. Raises `BadInput` for a word that is not in
    the list, naming it: a small language has no spelling.
    """

    BOS, EOS = "‹begin›", "‹end›"

    def __init__(self, words: Sequence[str], between: str = " "):
        if len(set(words)) != len(words) or not all(words):
            raise BadInput("The words of this language repeat or are empty.", expected="different words")
        if not between and any(len(word) != 1 for word in words):
            raise BadInput("Words are written without a space between them.", expected="single characters")
        self.words, self.between = (self.BOS, self.EOS, *words), between
        self.ids = {word: i for i, word in enumerate(self.words)}
        self.bos, self.eos = 0, 1

    @property
    def vocab_size(self) -> int:
        """The number of pieces."""
        return len(self.words)

    def encode(self, text: str) -> list[int]:
        """Return the ids of `text`, without begin and end."""
        words = text.split() if self.between.isspace() else list(text)
        if strange := [word for word in words if word not in self.ids]:
            shown = ", ".join(self.words[2:10]) + (" …" if len(self.words) > 10 else "")
            raise BadInput(f"{strange[0]!r} is no word of this language.", expected=f"words such as {shown}")
        return [self.ids[word] for word in words]

    def encode_batch(self, texts: Sequence[str]) -> list[list[int]]:
        """Return the ids of each text."""
        return [self.encode(text) for text in texts]

    def encode_documents(self, texts: Sequence[str]) -> list[list[int]]:
        """Return the ids of whole documents: begin, text, end."""
        return [[self.bos, *ids, self.eos] for ids in self.encode_batch(texts)]

    def decode(self, ids: Iterable[int]) -> str:
        """Return the text of `ids`; begin and end are silent."""
        return self.between.join(word for word in self.pieces(ids) if word not in (self.BOS, self.EOS))

    def pieces(self, ids: Iterable[int]) -> list[str]:
        """Return each id as its word."""
        ids = [int(i) for i in ids]
        if strange := [i for i in ids if not 0 <= i < self.vocab_size]:
            raise BadInput(f"There is no piece {strange[0]}.", expected=f"a number from 0 to {self.vocab_size - 1}")
        return [self.words[i] for i in ids]
