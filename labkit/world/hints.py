"""Hints: what an attentive reader of a text knows at each of its words.

A story never says aloud what nearly every word of it depends on: of whom a sentence speaks, where that person is now
and who is there too, who has the lantern, whether there is a storm. All of it was said before, somewhere. `hints(text)`
says where to look for it and what is found there; `labkit/training/auxiliary.py` shows it to a model while it trains.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache

from .canon import GOODS, ISLANDS, RESIDENTS
from .events import State, happen
from .forms import Form, recognise
from .lists import KEPT, LISTS
from .places import STARTS as TITLES
from .stories import ACTS, MOST_EVENTS

__all__ = ["ANSWERS", "LOOKS", "TELLS", "Hint", "hints"]

# Where to look for it.
LOOKS = {
    "about": "the name of whom the word speaks",
    "said": "the word that last said where that person is, or, in a list, what they keep",
    "lantern": "the word that last said who has the lantern",
    "light": "the word that last said where the lantern is",
    "company": "the words that last said where those who are with that person are",
    "near": "the same of those who are with the lantern without having it",
}
# What is found.
TELLS = {
    "fact": "the island where that person is, or what they keep",
    "company": "who else of the four is there",
    "holder": "who has the lantern",
    "light": "the island where the lantern is",
    "near": "who is there without having it",
    "giver": "who handed it over or hid it last",
    "speakers": "who has spoken",
    "regulars": "who has kept to a habit",
    "askers": "who has asked for the lantern",
    "sky": "whether there is a storm",
    "hour": "which part of the day it is",
    "count": "how many things have happened in it",
}
NOBODY = "nobody"
_DONE = {"say": "speakers", "habit": "regulars", "ask": "askers", "wonder": "askers"}
_SKIES = ("clear", "storm")
_COUNTS = tuple(map(str, range(1 + MOST_EVENTS)))
# Every word that can be told.
ANSWERS = (*RESIDENTS, NOBODY, *ISLANDS, *GOODS, *_SKIES, *ACTS, *_COUNTS)

_WORD = re.compile(r"[A-Za-z]+|[^A-Za-z ]+")
_CAST = 4


@dataclass(frozen=True)
class Hint:
    """What is known at word `at`: the words to look at and the words that are the answer, by their sort.

    Words are numbered as the tokenizer numbers the tokens of a document: the begin is 0, the first word 1.
    """

    at: int
    looks: Mapping[str, tuple[int, ...]]
    tells: Mapping[str, tuple[str, ...]]


def hints(text: str) -> list[Hint]:
    """Return the hints to a text of the world, in order: none for facts, copied lists and plain questions.

    The text is taken for what the world writes; `world.check` says whether it is. Where it stops being a day, the hints
    stop too.
    """
    words = [(match.start(), match.group()) for match in _WORD.finditer(text)]
    if text.startswith(LISTS):
        return _of_a_list({start: i for i, (start, _) in enumerate(words, 1)}, list(_kept().finditer(text)))
    return _Day(words).read(text)


@cache
def _kept() -> re.Pattern[str]:
    """Return the pattern of one pair of a list."""
    between = "|".join(re.escape(pair.split("{name}")[1]) for pair in KEPT)
    return re.compile(rf"\b(?P<name>[A-Z][a-z]+)(?:{between})(?P<good>[a-z]+)")


def _of_a_list(number: Mapping[int, int], pairs: list[re.Match[str]]) -> list[Hint]:
    """Return two hints a pair: what is kept belongs to the name before it, and a name said again keeps the same."""
    found: list[Hint] = []
    said: dict[str, int] = {}
    for pair in pairs:
        name, good = number[pair.start("name")], number[pair.start("good")]
        again = said.get(pair["name"])
        known = {} if again is None else {"said": (again,)}
        found.append(Hint(good - 1, {"about": (name,), **known}, {"fact": (pair["good"],)} if known else {}))
        found.append(Hint(good, {"about": (name,)}, {}))
        said[pair["name"]] = good
    return found


@dataclass
class _Day:
    """A day read word by word: the world's own state of it, and which words last said where people and lantern are."""

    words: list[tuple[int, str]]
    state: State = field(default_factory=State)
    said: dict[str, int] = field(default_factory=dict)
    lantern: int | None = None
    done: dict[str, tuple[str, ...]] = field(default_factory=dict)
    hour: str = ""
    before: int = 0  # so many things had happened before this hour
    found: list[Hint] = field(default_factory=list)

    def read(self, text: str) -> list[Hint]:
        """Return the hints to a day, up to where it is no day: a form that no day has, or a name it did not place."""
        position = next((len(title) for (title,) in TITLES.values() if text.startswith(title)), 0)
        while position < len(text) and (form := recognise(text, position)) is not None:
            if self._strange(form):
                break
            inside = [(i, word) for i, (start, word) in enumerate(self.words, 1) if position <= start < form.end]
            if form.sort == "question":
                self.found += [self._hint(i, None, None) for i, _ in inside if self.lantern]
            else:
                self._sentence(form, inside)
            position = form.end
        return self.found

    def _strange(self, form: Form) -> bool:
        """Return whether a sentence needs somebody's place that was never said."""
        needed = {form.slots.get(slot) for slot in ("b" if form.sort == "person" else "ab")}
        return not needed & RESIDENTS.keys() <= self.state.place.keys()

    def _sentence(self, form: Form, inside: list[tuple[int, str]]) -> None:
        """Add the hints to one sentence: what it changes is known from the word that says it on, or at its end."""
        landing, lighting = self._landing(form, inside), self._lighting(form, inside)
        subject = next(((i, word) for i, word in inside if word in RESIDENTS), None)
        for i, word in inside:
            if i in (landing, lighting) or (landing is lighting is None and i == inside[-1][0]):
                self._change(form, i)
            named = word in RESIDENTS
            about = i if named and i != landing else subject[0] if subject and i >= subject[0] else None
            if about is not None or self.lantern:
                self.found.append(self._hint(i, about, word if named else subject[1] if subject else None))

    def _change(self, form: Form, at: int) -> None:
        """Let what a sentence says come true; word `at` has said it."""
        state, told = self.state, form.slots
        if form.sort == "person":
            state.cast.append(told["a"])
            state.place[told["a"]] = told.get("place") or state.place[told["b"]]
            self.said[told["a"]] = at
        elif form.sort == "lantern":
            state.holder, self.lantern = told["a"], at
        elif form.sort == "weather":
            self.hour, _, state.storm = form.key
            self.before = len(state.events)
        elif form.sort == "event":
            happen(state, form.key)
            if done := _DONE.get(form.key[0]):
                self.done[done] = (*self.done.get(done, ()), told["a"])
            elif form.key[0] in ("sail", "carry"):
                self.said[told["a"]] = at
            else:
                self.lantern = at

    def _hint(self, at: int, about: int | None, whom: str | None) -> Hint:
        state = self.state
        looks: dict[str, tuple[int, ...]] = {} if about is None else {"about": (about,)}
        tells: dict[str, tuple[str, ...]] = {}
        if about is not None and whom in self.said:
            looks["said"], tells["fact"] = (self.said[whom],), (state.place[whom],)
            if len(state.place) == _CAST:
                tells["company"] = self._there(state.place[whom], but=whom)
        if self.lantern:
            looks["lantern"], tells["holder"] = (self.lantern,), (state.holder or NOBODY,)
            looks["light"] = (self.said.get(state.holder, self.lantern),)
            island = state.place.get(state.holder, state.hidden)
            giver = state.giver or state.hider
            tells |= {"light": (island,), "near": self._there(island, but=state.holder)}
            tells |= {"giver": (giver,) if giver else (), **self.done}
            count = min(len(state.events) - self.before, MOST_EVENTS)
            tells |= {"sky": (_SKIES[state.storm],), "hour": (self.hour,), "count": (_COUNTS[count],)}
        tells = {sort: words for sort, words in tells.items() if words}
        looks |= {sort: tuple(self.said[name] for name in tells[sort]) for sort in ("company", "near") if sort in tells}
        return Hint(at, looks, tells)

    def _there(self, island: str, but: str | None) -> tuple[str, ...]:
        return tuple(name for name, place in self.state.place.items() if place == island and name != but)

    @staticmethod
    def _landing(form: Form, inside: list[tuple[int, str]]) -> int | None:
        """Return the word that says where somebody is from now on: an island, or whom they visit."""
        if form.sort == "person":
            where = form.slots.get("place") or form.slots["b"]
        elif form.sort == "event" and form.key[0] in ("sail", "carry"):
            where = form.key[2]
        else:
            return None
        return next(i for i, word in reversed(inside) if word == where)

    @staticmethod
    def _lighting(form: Form, inside: list[tuple[int, str]]) -> int | None:
        """Return the word that says where the lantern is from now on: a name, or the end of a hiding place."""
        if form.sort == "lantern":
            where = form.slots["a"]
        elif form.sort == "event" and form.key[0] in ("give", "trade", "find"):
            where = form.key[1 if form.key[0] == "find" else 2]
        elif form.sort == "event" and form.key[0] == "hide":
            where = ISLANDS[form.key[2]].hiding_place.split()[-1]
        else:
            return None
        return next(i for i, word in reversed(inside) if word == where)
