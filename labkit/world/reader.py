"""What is wrong with a text: each sentence is recognised, replayed and held against the rules.

A text that `parse` accepts has no problems. In any other, each sentence is matched against everything a story can say,
what it claims is compared with the day so far, and the day goes on as told: later sentences are judged by the slip.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from .canon import ISLANDS, NAMES, RELATIONS, RESIDENTS, fact, neighbours
from .drivers import Misread
from .events import State, happen, objections
from .forms import Form, recognise, recognise_fact
from .places import STARTS as DAY_STARTS
from .stories import ACTS, MOST_EVENTS
from .streams import parse
from .vocabulary import unknown_words

__all__ = ["Problem", "check"]

_TITLES = tuple(f"{title} " for (title,) in DAY_STARTS.values())
_SENTENCE = re.compile(r'\s*[^.?!]*(?:[.?!]+"?|$)')


@dataclass(frozen=True)
class Problem:
    """One thing wrong: its sort, a plain sentence, and the character where the offending sentence begins.

    Sorts: `words` (unknown ones), `grammar` (no sentence of the world), `order` (out of place), `owner` (the lantern
    is elsewhere), `place` (two places at once), `storm` (the ferry sails in one), `rule` (another rule broken),
    `loop` (said or done before), `fact` (not true of this person), `cast` (not in this story), `ending`.
    """

    sort: str
    sentence: str
    position: int

    def __str__(self) -> str:
        return self.sentence


def check(text: str) -> list[Problem]:
    """Return all that is wrong with `text`; an empty list means that it is text of the world, word for word."""
    try:
        parse(text)
    except Misread as error:
        problem = Problem("grammar", str(error).replace("\n", " "), error.position)
    else:
        return []
    if not text.strip():
        return [Problem("ending", "There is no text.", 0)]
    found = _check_facts(text) if recognise_fact(text, 0) else _Day(text).problems()
    return found or [problem]


def _check_facts(text: str) -> list[Problem]:
    found, position = [], 0
    while position < len(text):
        told = recognise_fact(text, position)
        if told is None:
            end = _SENTENCE.match(text, position).end()
            found.append(_no_sentence(text, position, end))
            position = max(end, position + 1)
            continue
        name, relation, value, end = told
        if name not in NAMES:
            found.append(Problem("words", f"Nobody on the islands is called {name}.", position))
        elif value != (truth := fact(name, relation)):
            known = value in RELATIONS[relation] or value in (r.trade for r in RESIDENTS.values())
            what = f"the {relation} of {name} is {truth}, not {value}."
            found.append(Problem("fact" if known else "words", what[0].upper() + what[1:], position))
        position = end
    return found


def _no_sentence(text: str, start: int, end: int) -> Problem:
    piece = text[start:end].strip()
    cut = end >= len(text) and not piece.endswith((".", "?", '"'))
    strange = unknown_words(piece.rpartition(" ")[0] if cut else piece)  # a cut word is no unknown word
    if strange:
        return Problem("words", f"Not a word of the islands: {', '.join(strange)}.", start)
    if cut:
        return Problem("ending", f"The text breaks off: {piece!r}.", start)
    return Problem("grammar", f"No sentence of the islands: {piece!r}.", start)


@dataclass
class _Day:
    """A story read with patience: the state so far, the act it is in, and the problems met."""

    text: str
    state: State = field(default_factory=State)
    act: int = -1
    events: int = 0
    asked: bool = False
    called: list[str] | None = None  # whose whereabouts were told, once everybody was asked for
    answered: bool = False
    found: list[Problem] = field(default_factory=list)
    here: int = 0

    def problems(self) -> list[Problem]:
        """Read to the end and return the problems in text order."""
        start = next((len(title) for title in _TITLES if self.text.startswith(title)), 0)
        position, lost = start, None
        while position < len(self.text):
            form = recognise(self.text, position)
            if form is None:
                lost = position if lost is None else lost
                position = max(_SENTENCE.match(self.text, position).end(), position + 1)
            if lost is not None and (form is not None or position >= len(self.text)):
                self.found.append(_no_sentence(self.text, lost, position))
                lost = None
            if form is not None:
                self.here = position
                self._take(form)
                position = form.end
        self.here = len(self.text)
        if not self.answered and not any(problem.sort == "ending" for problem in self.found):
            self._object("ending", f"The story stops before it says {self._open_question()}.")
        return self.found

    def _open_question(self) -> str:
        if self.called is None:
            return "who has the lantern"
        missing = next((name for name in self.state.cast if name not in self.called), "anybody")  # a day without a cast
        return f"where {missing} is"

    def _object(self, sort: str, sentence: str) -> None:
        self.found.append(Problem(sort, sentence, self.here))

    def _take(self, form: Form) -> None:
        strangers = [name for key, name in form.slots.items() if key in ("a", "b") and name not in RESIDENTS]
        if strangers:
            for name in strangers:
                self._object("words" if name not in NAMES else "cast", f"{name} is not one of the twenty-four.")
            return
        if "place" in form.slots and form.slots["place"] not in ISLANDS:
            self._object("words", f"There is no island called {form.slots['place']}.")
            return
        if self.answered:
            if not any(problem.sort == "ending" for problem in self.found):
                self._object("ending", "The story goes on after its end.")
            return
        getattr(self, f"_take_{form.sort}")(form)

    def _take_weather(self, form: Form) -> None:
        act, before, now = form.key
        number = ACTS.index(act)
        if number <= self.act:
            self._object("loop" if number == self.act else "order", f"It cannot be {act} again.")
            return
        if number > self.act + 1:
            self._object("order", f"It cannot be {act} yet: {ACTS[self.act + 1]} is missing.")
        if self.act >= 0:
            self._count_events()
        if number and before != self.state.storm:
            self._object("storm", f"There was {'a' if self.state.storm else 'no'} storm before that.")
        self.state.storm, self.act, self.events = now, number, 0

    def _count_events(self) -> None:
        if not 1 <= self.events <= MOST_EVENTS:
            self._object("order", f"In the {ACTS[self.act]} {self.events} things happen, not one to {MOST_EVENTS}.")

    def _take_person(self, form: Form) -> None:
        state, name = self.state, form.slots["a"]
        resident, host = RESIDENTS[name], state.cast[0] if state.cast else None
        place = form.slots.get("place") or state.place.get(form.slots["b"])
        if form.slots["trade"] != resident.trade:
            self._object("fact", f"{name} is a {resident.trade}, not a {form.slots['trade']}.")
        if place is None or ("b" in form.slots and form.slots["b"] != host):
            self._object("place", f"Nobody is at home where {name} is visiting.")
            place = place or resident.home
        if name in state.place:
            was = state.place[name]
            two = was != place
            self._object(
                "place" if two else "loop", f"{name} is {f'on {was} and on {place}' if two else 'told'} at once."
            )
        elif form.key == "host":
            if host:
                self._object("order", f"{host} is at home already; one host is enough.")
            elif place != resident.home:
                self._object("fact", f"{name} is at home on {resident.home}, not on {place}.")
        else:
            self._guest(name, host, place)
        if name not in state.cast:
            state.cast.append(name)
        state.place[name] = place

    def _guest(self, name: str, host: str | None, place: str) -> None:
        home = RESIDENTS[host].home if host else None
        if home is None or self.state.holder:
            self._object("order", f"{name} comes into the story in the wrong place.")
        elif not RESIDENTS[name].sails:
            self._object("rule", f"{name} never takes the ferry and cannot be a guest.")
        elif place != home and place not in neighbours(home):
            self._object("rule", f"{place} is not next to {home}, where the day begins.")

    def _take_lantern(self, form: Form) -> None:
        name, state = form.slots["a"], self.state
        if state.holder is not None:
            self._object("owner", f"The lantern is with {state.holder} already, and there is one lantern.")
        elif name not in state.cast:
            self._object("cast", f"{name} is not in this story.")
        elif len(state.cast) != 4:
            self._object("order", f"A day has four people, this one {len(state.cast)}.")
        state.holder = name
        state.place.setdefault(name, RESIDENTS[name].home)

    def _take_event(self, form: Form) -> None:
        state, event = self.state, form.key
        if state.holder is None and state.hidden is None:
            self._object("order", "Something happens before the story says who has the lantern.")
            state.holder = event[1]
        for name in (name for name in event[1:] if name in RESIDENTS and name not in state.place):
            self._object("cast", f"{name} is not in this story.")
            state.cast.append(name)
            state.place[name] = RESIDENTS[name].home
        for sort, sentence in (*form.wrong, *objections(state, event)):
            self._object(sort, sentence)
        if self.asked:
            self._object("order", "Something happens between the question and its answer.")
        self.events += 1
        happen(state, event)

    def _take_question(self, form: Form) -> None:
        if self.asked:
            self._object("loop", "The question is asked twice.")
        elif self.act < len(ACTS) - 1 and form.key == "story":
            self._object("order", f"The day ends too early: {ACTS[self.act + 1]} is missing.")
        elif self.act >= 0:
            self._count_events()
        self.asked = True
        if form.key == "choice":
            self._answer(form.slots["a"], None)
        elif form.key == "call":
            self.called = []

    def _take_whereabouts(self, form: Form) -> None:
        name, place = form.slots["a"], form.slots["place"]
        if self.called is None:
            self._object("order", "The answer comes before the question.")
            return
        if name not in self.state.cast:
            self._object("cast", f"{name} is not in this story.")
        elif name in self.called:
            self._object("loop", f"{name} has been called already.")
        elif place != (truth := self.state.place[name]):
            self._object("place", f"{name} is on {truth}, not on {place}.")
        self.called.append(name)
        self.answered = all(name in self.called for name in self.state.cast)

    def _take_answer(self, form: Form) -> None:
        if not self.asked:
            self._object("order", "The answer comes before the question.")
        self._answer(form.slots.get("a"), form.slots["place"])

    def _answer(self, name: str | None, place: str | None) -> None:
        state, self.answered = self.state, True
        if state.holder is None and state.hidden is None:
            self._object("order", "The story never said who had the lantern.")
            return
        if name != state.holder:
            where = f"{state.holder} has it" if state.holder else f"it is hidden on {state.hidden}"
            self._object("owner", f"{name or 'Nobody'} does not have the lantern: {where}.")
        elif place is not None and place != (truth := state.place[name] if name else state.hidden):
            self._object("place", f"{name or 'The lantern'} is on {truth}, not on {place}.")
