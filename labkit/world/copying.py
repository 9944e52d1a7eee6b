"""Copying and recall: repeat a list word for word; say again who keeps what.

Both are pure memory of the text itself: everything after the first half is certain. Recall is subject-disjoint, that
is, the names that keep things in `valid` and `test` keep nothing in `train`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

from .canon import GOODS, NAMES, RESIDENTS, register_of
from .drivers import Driver

__all__ = ["KEPT", "LISTS", "PHRASES", "keepers", "tell_copying", "tell_recall"]

_WORDS = range(5, 10)
_PAIRS = range(3, 7)
_STOP = 0.3
_QUERIES = 2
_SAY, _AGAIN = "Say after me:", " You say: "
_STYLES = {
    "ledger": ("In the ledger:", " {name}: ", ";", " Once more:"),
    "cellar": ("In the cellar,", " {name} keeps ", ",", " So,"),
}
LISTS = tuple(start for start, *_ in _STYLES.values())  # how a list of who keeps what begins
KEPT = tuple(pair for _, pair, *_ in _STYLES.values())  # and each pair of it
PHRASES = (_SAY, _AGAIN, *(phrase for style in _STYLES.values() for phrase in style))


def tell_copying(pen: Driver, split: str = "train") -> None:
    """Say a list of five to nine goods, then say it again."""
    pen.say(_SAY)
    said: list[str] = []
    while True:
        groups = [(1.0, GOODS)]
        if len(said) >= _WORDS[0]:
            groups = [(1.0, (".",))] if len(said) == _WORDS[-1] else [(1 - _STOP, GOODS), (_STOP, (".",))]
        word = pen.pick(groups, _word)
        if word == ".":
            break
        said.append(word)
    pen.say(_AGAIN + " ".join(said) + ".")


@cache
def _word(word: str) -> tuple[str]:
    return (word,) if word == "." else (f" {word}",)


@cache
def _said(pair: str) -> Callable[[str], tuple[str]]:
    # The words after the name belong to the pick: "Uma" begins "Umar", "Uma keeps " begins nothing else.
    said = {name: (pair.format(name=name),) for name in NAMES}
    return said.__getitem__


def _plain(word: str) -> tuple[str]:
    return (word,)


@cache
def keepers(split: str) -> tuple[str, ...]:
    """Return the names that may keep things in a split's recall lists."""
    return (*(RESIDENTS if split == "train" else ()), *register_of(split))


def tell_recall(pen: Driver, split: str = "train") -> None:
    """Say who keeps what, three to six pairs, then say two of them again."""
    style = pen.one_of(tuple(_STYLES), lambda key: (_STYLES[key][0],))
    _, pair, comma, again = _STYLES[style]
    kept: dict[str, str] = {}
    names, goods, named = list(keepers(split)), list(GOODS), _said(pair)
    while len(kept) < _PAIRS[-1]:
        if len(kept) >= _PAIRS[0]:
            more = pen.pick(((1 - _STOP, (True,)), (_STOP, (False,))), lambda key: (comma,) if key else (".",))
            if not more:
                break
        elif kept:
            pen.say(comma)
        name, good = pen.one_of(names, named), pen.one_of(goods, _plain)
        kept[name] = good
        names.remove(name)
        goods.remove(good)
    else:
        pen.say(".")
    pen.say(again)
    asked: list[str] = []
    for number in range(_QUERIES):
        name = pen.one_of([name for name in kept if name not in asked], named)
        asked.append(name)
        pen.say(kept[name] + (comma if number + 1 < _QUERIES else "."))
