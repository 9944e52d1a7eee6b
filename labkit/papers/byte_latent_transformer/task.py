"""The text the lesson reads, as bytes: pages of the world, words to spell, five kinds of noise, other scripts.

Every function is a pure function of its arguments: a page, a noise, a batch depends on its seed alone.
"""

from __future__ import annotations

import random
import re
import sysconfig
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from pathlib import Path

import numpy as np

from labkit import world
from labkit.base.errors import BadInput, unknown

__all__ = [
    "BOS",
    "CONTEXT",
    "DELIMITER",
    "EOS",
    "KINDS",
    "NOISES",
    "SCRIPTS",
    "VOCAB",
    "ByteTokenizer",
    "byte_ids",
    "mixed_pages",
    "noised",
    "pages",
    "pages_of_kind",
    "signs_of",
    "spelling_words",
    "text_of",
    "tokenizer",
    "transliterated",
]

PAD, BOS, EOS, DELIMITER, OFFSET = 0, 1, 2, 3, 4  # the first four ids, as in the authors' code; byte b is id b + 4
VOCAB = 256 + OFFSET
CONTEXT = 256  # bytes a model reads at once
PAGE = 240  # the longest page in bytes: room for begin, end and a little
SHARES = {"stories": 0.5, "facts": 0.15, "recall": 0.1, "copying": 0.05, "choice": 0.2}
SPELLED = 0.1  # share of pages that spell words


# Bytes and ids.


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


# Pages: what is trained on and measured on.


def pages(n: int, seed: int, split: str = "train") -> list[str]:
    """Return `n` pages of at most 240 bytes: whole sentences of the world, documents parted by a newline.

    A tenth of the pages spells words; of those words, `train` holds one half and the other splits the other.
    """
    if n < 0:
        raise BadInput(f"{n} pages were asked for.", expected="a number from 0 up")
    rng, source = random.Random(f"pages/{split}/{seed}"), sentences(seed, split)
    made, rest = [], ""
    while len(made) < n:
        page, rest = fill(source, rest)
        made.append(spelling_page(rng, split) if rng.random() < SPELLED else page)
    return made[:n]


def sentences(seed: int, split: str) -> Iterator[str]:
    """Yield sentences for ever, each with what stands in front of it: a space, or a newline before a document."""
    for document in world.stream(SHARES, seed, split):
        for number, sentence in enumerate(re.split(r"(?<=[.?!\"]) ", document.text)):
            if len(sentence) < PAGE:
                yield ("\n" if number == 0 else " ") + sentence


def fill(source: Iterator[str], page: str) -> tuple[str, str]:
    """Return a full page that begins with `page`, and the sentence that had no more room on it."""
    while len(page + (more := next(source))) <= PAGE:
        page += more
    return page.strip(), more


KINDS = ("the world", "Python's library", "other scripts")


def pages_of_kind(kind: str, n: int, seed: int, split: str = "train") -> list[str]:
    """Return `n` pages of at most 240 bytes of one kind: the world, source code, the world in other scripts.

    Source code is that of the Python in use: it differs a little from version to version. A file, or a page of the
    world, belongs to one split.
    """
    if kind not in KINDS:
        raise unknown("kind of text", kind, KINDS)
    if kind == "Python's library":
        return source_pages(n, seed, split)
    plain = pages(n, seed, split)
    if kind == "the world":
        return plain
    names = tuple(SCRIPTS)
    return [cut_to_page(transliterated(page, names[number % len(names)])) for number, page in enumerate(plain)]


def mixed_pages(n: int, seed: int, split: str = "train") -> list[str]:
    """Return `n` pages of the three kinds by turns."""
    each = [pages_of_kind(kind, -(-n // len(KINDS)), seed, split) for kind in KINDS]
    return [page for three in zip(*each) for page in three][:n]


def source_pages(n: int, seed: int, split: str) -> list[str]:
    """Return `n` pages of whole lines from files of Python's library; every tenth file is `valid`, the next `test`."""
    shares = {"train": range(2, 10), "valid": range(1), "test": range(1, 2)}
    files = [path for at, path in enumerate(library_files()) if at % 10 in shares[split]]
    rng, found = random.Random(f"source/{split}/{seed}"), []
    while len(found) < n:
        lines = rng.choice(files).read_text(encoding="utf-8", errors="replace").splitlines()
        first = rng.randrange(max(1, len(lines) - 5))
        page = cut_to_page("\n".join(lines[first : first + 12])).strip()
        if len(page) > PAGE // 2:
            found.append(page)
    return found


@cache
def library_files() -> tuple[Path, ...]:
    """Return the modules at the top of Python's library, by name."""
    return tuple(sorted(Path(sysconfig.get_paths()["stdlib"]).glob("*.py")))


def cut_to_page(text: str) -> str:
    """Return the beginning of `text` that has at most 240 bytes, whole characters."""
    return text.encode()[:PAGE].decode(errors="ignore")


@cache
def spelling_words(split: str = "train") -> tuple[str, ...]:
    """Return the words that are spelled: half of the world's words of 4 to 8 letters for `train`, else the others."""
    text = " ".join(document.text for document in world.documents("stories", 400, seed=0))
    words = sorted(set(re.findall(r"\b[a-z]{4,8}\b", text)))
    random.Random("spelling").shuffle(words)
    half = len(words) // 2
    return tuple(words[:half] if split == "train" else words[half:])


def spelled(word: str) -> str:
    """Return the sentence that spells a word."""
    return f"Spell {word}: {' '.join(word)}."


def spelling_page(rng: random.Random, split: str) -> str:
    """Return a page that spells words of a split."""
    page = ""
    while len(more := f"{page} {spelled(rng.choice(spelling_words(split)))}".strip()) <= PAGE:
        page = more
    return page


# Questions about letters, of which half of the pages of another study are made.


@cache
def letter_words(split: str = "train") -> tuple[str, ...]:
    """Return the words asked about: `train` those spelled, `valid` and `test` half of the held-out ones each."""
    words = spelling_words(split)
    half = len(words) // 2
    return {"train": words, "valid": words[:half], "test": words[half:]}[split]


def contains_question(word: str, rng: random.Random, there: bool) -> tuple[str, str]:
    """Return whether `word` has a letter, with its answer; letters are drawn from words, so frequent ones are asked."""
    others = (letter for other in iter(lambda: rng.choice(spelling_words()), "") for letter in other)
    letter = rng.choice(sorted(set(word))) if there else next(one for one in others if one not in word)
    return f"Has {word} {letter}?", "yes" if there else "no"


def swap_question(word: str, rng: random.Random) -> tuple[str, str]:
    """Return the question for `word` with two of its letters swapped everywhere, with its answer, spelled."""
    first, second = rng.sample(sorted(set(word)), 2)
    changed = word.translate(str.maketrans(first + second, second + first))
    return f"Swap {first} {second} {word}:", " ".join(changed)


def letter_page(rng: random.Random, split: str) -> str:
    """Return a page of questions with answers, both kinds by the toss of a coin."""
    page, more = "", ""
    while len(page := f"{page} {more}".strip()) + 40 <= PAGE:
        word = rng.choice(letter_words(split))
        coin = rng.random()
        question, answer = swap_question(word, rng) if coin < 0.5 else contains_question(word, rng, there=coin < 0.75)
        more = f"{question} {answer}."
    return page


def letter_pages(n: int, seed: int, split: str = "train") -> list[str]:
    """Return `n` pages, by turns one of the world and one of questions about letters."""
    rng, plain = random.Random(f"letters/{split}/{seed}"), pages(n - n // 2, seed, split)
    return [letter_page(rng, split) if at % 2 else plain[at // 2] for at in range(n)]


# Noise (section 6 of the paper): what is done to a text before a model reads it.


def ant_speak(text: str, rng: random.Random) -> str:
    """Return the text in capitals, a space after every letter."""
    return " ".join(text.upper())


def drop(text: str, rng: random.Random) -> str:
    """Return the text without one letter in ten."""
    return "".join(letter for letter in text if rng.random() >= 0.1) or text[:1]


def random_case(text: str, rng: random.Random) -> str:
    """Return the text with each letter large or small by the toss of a coin."""
    return "".join(letter.upper() if rng.random() < 0.5 else letter.lower() for letter in text)


def repeat(text: str, rng: random.Random) -> str:
    """Return the text with one letter in five written up to four times more."""
    return "".join(letter * (1 + (rng.randint(1, 4) if rng.random() < 0.2 else 0)) for letter in text)


def upper_case(text: str, rng: random.Random) -> str:
    """Return the text in capitals."""
    return text.upper()


NOISES = {
    "AntSpeak": ant_speak,
    "Drop": drop,
    "RandomCase": random_case,
    "Repeat": repeat,
    "UpperCase": upper_case,
}


def noised(text: str, noise: str, seed: int = 0) -> str:
    """Return `text` with one of the five noises; raise `UnknownName` for another, `BadInput` for what is no text."""
    if noise not in NOISES:
        raise unknown("noise", noise, tuple(NOISES))
    if not isinstance(text, str):
        raise BadInput(f"{text!r} of type {type(text).__name__} is no text.", expected="text")
    if text:
        byte_ids(text)  # refuses what UTF-8 cannot write
    return NOISES[noise](text, random.Random(f"{noise}/{seed}/{text}"))


# Other scripts: each Latin letter as one letter of another alphabet, two or three bytes each.

SCRIPTS = {
    "Greek": "αβγδεζηθικλμνξοπρστυφχψωϕϑ",
    "Cyrillic": "абцдефгхийклмнопярстувжшыз",
    "Devanagari": "अबचदएफगहइजकलमनओपखरसतउवथझयष",
}


def transliterated(text: str, script: str) -> str:
    """Return `text` with its Latin letters in another script, one for one (capitals as small ones)."""
    if script not in SCRIPTS:
        raise unknown("script", script, tuple(SCRIPTS))
    return text.lower().translate(str.maketrans("abcdefghijklmnopqrstuvwxyz", SCRIPTS[script]))
