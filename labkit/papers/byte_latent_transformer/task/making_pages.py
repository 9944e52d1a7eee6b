"""Pages of at most 240 bytes: the world, words to spell, questions about letters, source code, other scripts.

A page depends on its seed alone.
"""

from __future__ import annotations

import random
import re
import sysconfig
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from labkit import world
from labkit.base.errors import BadInput, unknown

from .altering import SCRIPTS, transliterated
from .spelling import contains_question, letter_words, spelled, spelling_words, swap_question

__all__ = ["KINDS", "PAGE", "letter_pages", "mixed_pages", "pages", "pages_of_kind", "source_pages"]

PAGE = 240  # the longest page in bytes: room for begin, end and a little
SHARES = {"stories": 0.5, "facts": 0.15, "recall": 0.1, "copying": 0.05, "choice": 0.2}
SPELLED = 0.1  # share of pages that spell words


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


def spelling_page(rng: random.Random, split: str) -> str:
    """Return a page that spells words of a split."""
    page = ""
    while len(more := f"{page} {spelled(rng.choice(spelling_words(split)))}".strip()) <= PAGE:
        page = more
    return page


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
