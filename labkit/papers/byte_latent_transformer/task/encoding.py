"""Bytes as ids, and ids as signs that a reader can see."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from functools import cache

import numpy as np

from labkit.base.errors import BadInput

__all__ = [
    "BOS", "CONTEXT", "DELIMITER", "EOS", "OFFSET", "PAD", "VOCAB", "ByteTokenizer", "byte_ids", "drawn", "shown",
    "signs_of", "text_of", "tokenizer",
]  # fmt: skip

PAD, BOS, EOS, DELIMITER, OFFSET = 0, 1, 2, 3, 4  # the first four ids, as in the authors' code; byte b is id b + 4
VOCAB = 256 + OFFSET
CONTEXT = 256  # bytes a model reads at once


def byte_ids(text: str | bytes) -> np.ndarray:
    """Return the bytes of `text` as ids [n]; raise `BadInput` for nothing, or for text that has no UTF-8."""
    if not isinstance(text, str | bytes):
        raise BadInput(f"{text!r} of type {type(text).__name__} is no text.", expected="text or bytes")
    if not text:
        raise BadInput("The text is empty.", expected="at least one byte")
    try:
        data = text.encode("utf-8") if isinstance(text, str) else text
    except UnicodeEncodeError as error:
        raise BadInput(
            f"Half a character stands there ({error.reason}).", expected="text that UTF-8 can write"
        ) from None
    return np.frombuffer(data, dtype=np.uint8).astype(np.int64) + OFFSET


def text_of(ids: Iterable[int]) -> str:
    """Return the text of ids; begin, end and delimiters are silent, bytes that are no UTF-8 become �."""
    return bytes(int(i) - OFFSET for i in ids if int(i) >= OFFSET).decode("utf-8", errors="replace")


class ByteTokenizer:
    """Bytes as pieces, for models that are loaded by name; speaks as the world's tokenizer does."""

    bos, eos, vocab_size = BOS, EOS, VOCAB

    def encode(self, text: str) -> list[int]:
        """Return the ids of `text`, without begin and end."""
        return byte_ids(text).tolist()

    def encode_batch(self, texts: Sequence[str]) -> list[list[int]]:
        """Return the ids of each text."""
        return [self.encode(text) for text in texts]

    def encode_documents(self, texts: Sequence[str]) -> list[list[int]]:
        """Return the ids of whole documents: begin, text, end."""
        return [[BOS, *ids, EOS] for ids in self.encode_batch(texts)]

    def decode(self, ids: Iterable[int]) -> str:
        """Return the text of `ids`."""
        return text_of(ids)

    def pieces(self, ids: Iterable[int]) -> list[str]:
        """Return each id as one readable sign."""
        names = {PAD: "‹pad›", BOS: "‹begin›", EOS: "‹end›", DELIMITER: "‹cut›"}
        return [names.get(int(i)) or shown(int(i) - OFFSET) for i in ids]


def shown(byte: int) -> str:
    """Return a byte as a sign: a printable letter as itself, a space as ␣, others as two hexadecimal digits."""
    return "␣" if byte == 32 else "⏎" if byte == 10 else chr(byte) if 32 < byte < 127 else f"{byte:02X}"


def signs_of(data: bytes) -> list[str]:
    """Return one sign a byte: a letter at its first byte and · at each further one.

    ▯ stands for what a picture may not have or would turn round (emoji, marks, scripts from right to left), � for a
    byte that is no UTF-8.
    """
    found: list[str] = []
    for letter in data.decode("utf-8", errors="surrogateescape"):
        code = ord(letter)
        if code < 128:
            found.append(shown(code))
        elif 0xDC80 <= code <= 0xDCFF:
            found.append("�")
        else:
            found += [drawn(letter), *"·" * (len(letter.encode()) - 1)]
    return found


def drawn(text: str) -> str:
    """Return `text` with ▯ for every letter that a picture may not have or would turn round (160 is a hard space)."""
    return "".join(
        letter
        if 31 < ord(letter) < 127 or (160 < ord(letter) < 0x590 and unicodedata.category(letter)[0] in "LNPS")
        else "▯"
        for letter in text
    )


@cache
def tokenizer() -> ByteTokenizer:
    """Return the tokenizer of bytes."""
    return ByteTokenizer()
