"""The text the lesson reads, as bytes.

Every function is a pure function of its arguments: a page, a noise, a batch depends on its seed alone.
"""

from .altering import NOISES, SCRIPTS, noised, transliterated
from .encoding import (
    BOS,
    CONTEXT,
    DELIMITER,
    EOS,
    OFFSET,
    PAD,
    VOCAB,
    ByteTokenizer,
    byte_ids,
    drawn,
    signs_of,
    text_of,
    tokenizer,
)
from .making_pages import KINDS, PAGE, letter_pages, mixed_pages, pages, pages_of_kind, source_pages
from .spelling import contains_question, letter_words, spelled, spelling_words, swap_question

__all__ = [
    "BOS",
    "CONTEXT",
    "DELIMITER",
    "EOS",
    "KINDS",
    "NOISES",
    "OFFSET",
    "PAD",
    "PAGE",
    "SCRIPTS",
    "VOCAB",
    "ByteTokenizer",
    "byte_ids",
    "contains_question",
    "drawn",
    "letter_pages",
    "letter_words",
    "mixed_pages",
    "noised",
    "pages",
    "pages_of_kind",
    "signs_of",
    "source_pages",
    "spelled",
    "spelling_words",
    "swap_question",
    "text_of",
    "tokenizer",
    "transliterated",
]
