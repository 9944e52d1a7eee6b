"""Token classes by closed lists: which piece is an article, a preposition, punctuation, a noun.

The world is small and its words are known, so no tagger is needed: every word stands in one list. `there`, `that` and
other words of two classes stand where they are used most in the world's texts.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

from labkit.world.canon import ISLANDS, NAMES, RESIDENTS

__all__ = ["CLASSES", "CONTENT", "FILLERS", "STOP", "class_of", "classes_of"]

_LISTS = {
    "article": "the a an",
    "determiner": "this that every all no one two three eleven eighth another some",
    "preposition": "with on to at of for in from by behind under onto between about until down near past over",
    "pronoun": "i you it they we who nobody nothing everybody them somebody he she his her their its what",
    "conjunction": "and but so though because or if as",
    "auxiliary": "was is has had do did are will can may be were",
    "particle": (
        "further less more not again off out up there here then now still almost twice back very please yet "
        "mostly only where why always also often"
    ),
    "verb": (
        "say gave took got caught carried lent traded handed passed hid found looked asked said knew visiting "
        "changed went cleared woke fell moved came slept told wait arrive put think keeps read sighed settled "
        "finished undid began counted tied needed hummed polished sat drew signed burned kept float held "
        "nodded touch wound watered rang sailed waved waited tasted corrected measured cut blew allow sit "
        "breathe give squeeze know hold walk floats rhymes made save locked pleased liked rested leaned shone "
        "listen let stood lives eats works look looks painted owns loves likes trade call called find knows "
        "eat belongs take like comes ask cook go learned"
    ),
    "noun": (
        "lantern ferry morning noon evening home sky storm day time light lamps night notice wind tide usual "
        "candlemaker carpenter doctor fisher weaver postmaster birdwatcher mapmaker judge glassblower "
        "gardener tuner captain teacher grocer poet beekeeper clockmaker ropemaker boatbuilder wellkeeper "
        "salter baker gatekeeper gulls gull stool clock fish wax barrels poem well bottle candle bell news "
        "postcard bees row quarrel note dog knot scarf box chalk tuning fork care sign quay oar plum jar "
        "honey radishes map basket plums salt shed boat ticket feather coil rope bird tower stamp paper comma "
        "market glass island sun goat bakery stairs flower tin fence gate key sea dough jug water loaf left "
        "times tonight bread lamp door hill house colour apples friend wool coal copper stones supper soup "
        "letters beans pie eggs rice bag"
    ),
    "adjective": (
        "clear stormy short tall low blue brown big new great large old small grey torn dried black warm iron "
        "early dry quiet heavy green orange red white yellow purple pink"
    ),
}
_CLASS_OF = {word: name for name, words in _LISTS.items() for word in words.split()}
_CLASS_OF |= {name.lower(): "name" for name in (*RESIDENTS, *NAMES, *ISLANDS)}

CLASSES = (*_LISTS, "punctuation", "name", "other")
# What the paper calls stop words, and what it calls filler ("seemingly minor") tokens.
STOP = frozenset({"article", "determiner", "preposition", "pronoun", "conjunction", "auxiliary", "particle"})
FILLERS = frozenset({"article", "determiner", "punctuation"})
CONTENT = frozenset({"noun", "verb", "adjective", "name"})


def class_of(piece: str) -> str:
    """Return the class of one piece as the tokenizer shows it; the space before a word and capitals do not matter.

    >>> [class_of(piece) for piece in (" The", ',"', " lantern", "‹begin›")]
    ['article', 'punctuation', 'noun', 'other']
    """
    word = piece.strip().lower()
    if word and re.fullmatch(r"[.,;:?!\"'“”’…-]+", word):
        return "punctuation"
    return _CLASS_OF.get(word, "other")


def classes_of(handle: Any, ids: Iterable[int] | Sequence[int]) -> list[str]:
    """Return the class of each token; `handle` is anything with `pieces` (a model's handle or a tokenizer)."""
    return [class_of(piece) for piece in handle.pieces(ids)]
