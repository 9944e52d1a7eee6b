"""Stories: one day on the islands, four residents, and the question who has the lantern at the end of it.

A day has three acts (morning, noon, evening) of one to three events each, and ends with the question and its answer.
Everything that is not a pick follows from what was said before: where people are, who has the lantern, who may sail.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from functools import cache

from .canon import ISLANDS, RESIDENTS, neighbours
from .drivers import Driver, Groups, Wordings
from .events import State, happen, possible, wordings

__all__ = ["ACTS", "ENDINGS", "WEATHER", "answer", "day", "tell"]

ACTS = ("morning", "noon", "evening")
_STORMY = 0.25
# The chance that the act ends after so many events; no act has more than three.
_ACT_ENDS = {1: 0.4, 2: 0.6, 3: 1.0}
MOST_EVENTS = max(_ACT_ENDS)

# (act, storm before, storm now): wordings
WEATHER: dict[tuple[str, bool, bool], tuple[str, ...]] = {
    ("morning", False, False): (
        "It was a clear morning.",
        "The morning was clear, and the ferry was almost on time.",
    ),
    ("morning", False, True): (
        "It was a stormy morning.",
        "The morning was all storm, and the ferry slept.",
    ),
}
for _hour, _when in (("noon", "At noon"), ("evening", "In the evening")):
    WEATHER |= {
        (_hour, False, False): (f" {_when} the sky was still clear.", f" {_when} nothing had changed but the tide."),
        (_hour, False, True): (f" {_when} a storm came in.", f" {_when} the wind got up, and the ferry did not."),
        (_hour, True, True): (f" {_when} the storm was still there, and so was the ferry.",),
        (_hour, True, False): (f" {_when} the storm moved on.", f" {_when} the sky cleared, and the ferry woke."),
    }
ENDINGS = (
    " So, who has the lantern?",
    " Night fell. Who has the lantern?",
    " The lamps went out. Who has the lantern now?",
)
HOST = " {a} the {trade} was at home on {place}."
GUESTS = (" {a} the {trade} was with {b}.", " {a} the {trade} was visiting {b}.", " {a} the {trade} was on {place}.")
LANTERN_IS = (" The lantern was with {a}.", " That day the lantern was with {a}.")
ANSWER_HELD = (
    " The lantern is with {a}, on {place}.",
    " The lantern is with {a}, and there is light on {place} tonight.",
)
ANSWER_HIDDEN = " The lantern is with nobody. It is {spot} on {place}, and it can wait."
PHRASES_OF_A_DAY = (HOST, *GUESTS, *LANTERN_IS, *ANSWER_HELD, ANSWER_HIDDEN)
_RESIDENTS = tuple(RESIDENTS)
_SAILORS = tuple(name for name, resident in RESIDENTS.items() if resident.sails)

Closing = Callable[[State], tuple[Groups, Wordings]]


def _weather(key: tuple[str, bool, bool]) -> tuple[str, ...]:
    return WEATHER[key]


def _skies(act: str, before: bool) -> list[tuple[float, list]]:
    return [(1 - _STORMY, [(act, before, False)]), (_STORMY, [(act, before, True)])]


@cache
def _host(name: str) -> tuple[str, ...]:
    return (HOST.format(a=name, trade=RESIDENTS[name].trade, place=RESIDENTS[name].home),)


@cache
def _guest(name: str, place: str, host: str) -> tuple[str, ...]:
    templates = GUESTS[:2] if place == RESIDENTS[host].home else GUESTS[2:]
    return tuple(text.format(a=name, trade=RESIDENTS[name].trade, place=place, b=host) for text in templates)


@cache
def _lantern(name: str) -> tuple[str, ...]:
    return tuple(text.format(a=name) for text in LANTERN_IS)


def opening(pen: Driver) -> State:
    """Tell the morning's weather, where the four are, and who has the lantern."""
    state = State()
    state.storm = pen.pick(_skies("morning", False), _weather)[2]
    host = pen.one_of(_RESIDENTS, _host)
    home = RESIDENTS[host].home
    state.cast, state.place = [host], {host: home}
    places = [(2.0, home), *((1.0, island) for island in neighbours(home))]
    for _ in range(3):
        others = [name for name in _SAILORS if name not in state.place]
        name, place = pen.pick(
            [(weight, [(name, p) for name in others]) for weight, p in places], lambda key: _guest(*key, host)
        )
        state.cast.append(name)
        state.place[name] = place
    state.holder = state.first_holder = pen.one_of(state.cast, _lantern)
    return state


def day(pen: Driver, acts: Sequence[str], closing: Closing, hiding: bool = True) -> State:
    """Tell a day of the given acts up to and including the pick offered by `closing`."""
    state = opening(pen)
    for number, act in enumerate(acts):
        if number:
            state.events.append((act, "storm" if state.storm else "clear"))
        for so_far in range(1 + MOST_EVENTS):
            last = number + 1 == len(acts)
            ends, put = closing(state) if last else (_skies(acts[number + 1], state.storm), _weather)
            if _act(pen, state, so_far, ends, put, hiding):
                break
    return state


def _act(pen: Driver, state: State, so_far: int, ends: Groups, put: Callable, hiding: bool) -> bool:
    """Let one more thing happen, or end the act; return whether it ended."""
    leave = _ACT_ENDS.get(so_far, 0.0)
    groups: list[tuple[float, Sequence]] = [*possible(state, hiding)] if leave < 1.0 else []
    enders: Collection = ()
    if leave:
        stay = sum([weight for weight, _ in groups])
        share = (stay * leave / (1 - leave) if groups else 1.0) / sum([weight for weight, _ in ends])
        groups += [(weight * share, keys) for weight, keys in ends]
        enders = {key for _, keys in ends for key in keys}
    key = pen.pick(groups, (lambda key: put(key) if key in enders else wordings(key)) if enders else wordings)
    if key not in enders:
        happen(state, key)
        return False
    if key in WEATHER:
        state.storm = key[2]
    return True


def answer(state: State) -> tuple[str, ...]:
    """Return the ways to answer the day's question."""
    if state.holder is None:
        return (ANSWER_HIDDEN.format(spot=ISLANDS[state.hidden].hiding_place, place=state.hidden),)
    return tuple(text.format(a=state.holder, place=state.place[state.holder]) for text in ANSWER_HELD)


def _ending(state: State) -> tuple[Groups, Callable]:
    return ((1.0, ENDINGS),), lambda question: (question,)


def tell(pen: Driver, split: str = "train") -> State:
    """Tell a whole story; every split has the same distribution and its own seeds."""
    state = day(pen, ACTS, _ending)
    pen.one_of((state.holder or "Nobody",), lambda _: answer(state))
    return state
