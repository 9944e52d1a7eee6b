"""What can happen in a story: the state of the day, the events, their wordings, and what the rules say of each.

An event is a tuple of its kind and who or where, such as `("give", "Mei", "Bo")` or `("sail", "Mei", "Wick")`. It
alone determines its wordings, so that a sentence can be recognised even where it should not have happened.
`possible(state)` lists what may happen next; `objections(state, event)` says in plain words why something may not.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache

from .canon import ISLANDS, RESIDENTS, neighbours

__all__ = ["TEMPLATES", "Event", "State", "happen", "objections", "possible", "wordings"]

Event = tuple[str, ...]

# Kind: weight among the kinds possible at a moment, slots, wordings.
TEMPLATES: dict[str, tuple[float, tuple[str, ...], tuple[str, ...]]] = {
    "give": (5.0, ("a", "b"), (
        " {a} gave the lantern to {b}.",
        " {a} handed the lantern to {b}.",
        " {a} lent the lantern to {b}, until further notice.",
    )),
    "trade": (3.0, ("a", "b"), (
        " {a} traded the lantern to {b} for {ware}.",
        " For {ware}, {a} passed the lantern to {b}.",
    )),
    "hide": (2.0, ("a", "place"), (
        " {a} hid the lantern {spot}.",
        " {a} put the lantern {spot} and told nobody.",
    )),
    "find": (4.0, ("a", "place"), (
        " {a} found the lantern {spot}.",
        " {a} looked {spot}, and there was the lantern.",
    )),
    "carry": (3.0, ("a", "place"), (
        " {a} took the ferry to {place} with the lantern.",
        " {a} carried the lantern onto the ferry and got off on {place}.",
    )),
    "sail": (3.0, ("a", "place"), (
        " {a} took the ferry to {place}.",
        " {a} caught the ferry and got off on {place}.",
    )),
    "say": (2.0, ("a",), (
        ' {a} said, "{saying}"',
        ' "{saying_on}" said {a}.',
    )),
    "habit": (2.0, ("a",), (
        " {a} {habit}.",
        " As usual, {a} {habit}.",
    )),
    "ask": (2.5, ("a", "b"), (
        ' "Who has the lantern?" asked {a}. "I do," said {b}.',
    )),
    "wonder": (1.5, ("a", "place"), (
        ' "Who has the lantern?" asked {a}. Nobody on {place} knew.',
    )),
}  # fmt: skip
_WEIGHT = {kind: entry[0] for kind, entry in TEMPLATES.items()}
_TO_NOBODY = 0.3  # people mostly sail to where somebody is
_ROUTES = {
    name: {island: neighbours(island) if resident.sails else () for island in ISLANDS}
    for name, resident in RESIDENTS.items()
}
_ONCE_A_DAY = ("say", "habit", "ask", "wonder")


@dataclass
class State:
    """A day so far: who is in it, where they are, who has the lantern or where it is hidden, and the weather."""

    cast: list[str] = field(default_factory=list)
    place: dict[str, str] = field(default_factory=dict)
    holder: str | None = None
    first_holder: str | None = None
    hidden: str | None = None
    hider: str | None = None
    giver: str | None = None
    storm: bool = False
    done: set[tuple[str, str]] = field(default_factory=set)
    events: list[Event] = field(default_factory=list)

    @property
    def handovers(self) -> int:
        """How often the lantern came to a new hand."""
        return sum(event[0] in ("give", "trade", "find") for event in self.events)


@cache
def wordings(event: Event) -> tuple[str, ...]:
    """Return the ways to tell an event, each a whole sentence with a space before it."""
    _, slots, templates = TEMPLATES[event[0]]
    values = dict(zip(slots, event[1:]))
    if "b" in values:
        values["ware"] = RESIDENTS[values["b"]].ware
    if "place" in values:
        values["spot"] = ISLANDS[values["place"]].hiding_place
    teller = RESIDENTS[values["a"]]
    saying = teller.saying
    values |= {"saying": saying, "habit": teller.habit, "saying_on": saying[:-1] + "," if saying[-1] == "." else saying}
    return tuple(template.format_map(values) for template in templates)


def possible(state: State, hiding: bool = True) -> list[tuple[float, list[Event]]]:
    """Return the events that may happen now, grouped by kind with the kind's weight (for `Driver.pick`)."""
    cast, place, holder, done = state.cast, state.place, state.holder, state.done
    groups: list[tuple[float, list[Event]]] = []

    def offer(kind: str, events: list[Event]) -> None:
        if events:
            groups.append((_WEIGHT[kind], events))

    here = state.hidden if holder is None else place[holder]
    at_hand = [a for a in cast if place[a] == here and a != holder]
    if holder is not None:
        takers = [b for b in at_hand if b != state.giver]
        offer("give", [("give", holder, b) for b in takers])
        offer("trade", [("trade", holder, b) for b in takers])
        if hiding and RESIDENTS[holder].hides:
            offer("hide", [("hide", holder, here)])
    else:
        offer("find", [("find", a, here) for a in at_hand if a != state.hider])
    if not state.storm:
        groups += _voyages(state)
    for kind in ("say", "habit"):
        offer(kind, [(kind, a) for a in cast if (kind, a) not in done])
    knowing = _who_knows(state)
    curious = [a for a in cast if a not in knowing and ("ask", a) not in done]
    if holder is not None:
        offer("ask", [("ask", a, holder) for a in curious if place[a] == here])
    told = {place[name] for name in knowing}
    offer("wonder", [("wonder", a, place[a]) for a in curious if place[a] not in told])
    return groups


def _voyages(state: State) -> list[tuple[float, list[Event]]]:
    """Return where the ferry may take whom: the lantern's holder first, and visits before tours to nobody."""
    visits: dict[str, list[Event]] = {"carry": [], "sail": []}
    tours: dict[str, list[Event]] = {"carry": [], "sail": []}
    busy = set(state.place.values())
    for a in state.cast:
        kind = "carry" if a == state.holder else "sail"
        for island in _ROUTES[a][state.place[a]]:
            (visits if island in busy else tours)[kind].append((kind, a, island))
    found = []
    for kind in ("carry", "sail"):
        found += [(_WEIGHT[kind], visits[kind]), (_WEIGHT[kind] * _TO_NOBODY, tours[kind])]
    return [group for group in found if group[1]]


def _who_knows(state: State) -> list[str]:
    """Return who need not ask: whoever has the lantern, handed it over last, or hid it."""
    return [name for name in (state.holder, state.giver, state.hider) if name is not None]


def happen(state: State, event: Event) -> None:
    """Change `state` by `event`, whether or not the rules allow it."""
    kind, a, *rest = event
    if kind in ("give", "trade"):
        state.holder, state.giver = rest[0], a
        state.hidden = state.hider = None
    elif kind == "hide":
        state.hidden, state.hider = rest[0], a
        state.holder = state.giver = None
    elif kind == "find":
        state.holder = a
        state.hidden = state.hider = None
    elif kind in ("carry", "sail"):
        state.place[a] = rest[0]
    if kind in _ONCE_A_DAY:
        state.done.add(("ask" if kind == "wonder" else kind, a))
    state.events.append(event)


def objections(state: State, event: Event) -> list[tuple[str, str]]:
    """Return what is wrong with `event` now as (sort, sentence) pairs; empty exactly when it is possible."""
    kind, a, *rest = event
    strangers = [name for name in (a, *rest) if name in RESIDENTS and name not in state.cast]
    if strangers:
        return [("cast", f"{name} is not in this story.") for name in strangers]
    found: list[tuple[str, str]] = []
    if kind in ("give", "trade", "hide", "carry") and state.holder != a:
        found.append(("owner", f"{a} does not have the lantern: {_whereabouts(state)}."))
    if kind in ("give", "trade", "ask"):
        found += _meeting(state, a, rest[0])
        if kind != "ask" and rest[0] == state.giver and state.holder == a:
            found.append(("rule", f"{a} got the lantern from {rest[0]} and would not hand it straight back."))
    elif kind in ("hide", "find", "wonder") and state.place[a] != rest[0]:
        found.append(("place", f"{a} is on {state.place[a]}, so this cannot happen on {rest[0]}."))
    if kind == "hide" and not RESIDENTS[a].hides:
        found.append(("rule", f"{a} does not hide things."))
    elif kind == "find":
        found += _finding(state, a, rest[0])
    elif kind in ("sail", "carry"):
        found += _sailing(state, kind, a, rest[0])
    elif kind in ("ask", "wonder"):
        found += _asking(state, event)
    if kind in _ONCE_A_DAY and ("ask" if kind == "wonder" else kind, a) in state.done:
        found.append(("loop", f"{a} has done this once today."))
    return found


def _whereabouts(state: State) -> str:
    if state.holder is not None:
        return f"{state.holder} has it, on {state.place[state.holder]}"
    return f"it is hidden on {state.hidden}" if state.hidden else "nobody was given it"


def _meeting(state: State, a: str, b: str) -> list[tuple[str, str]]:
    if a == b:
        return [("owner", f"{a} cannot hand the lantern to {a}.")]
    if state.place[a] != state.place[b]:
        return [("place", f"{a} is on {state.place[a]} and {b} is on {state.place[b]}: they cannot meet.")]
    return []


def _finding(state: State, a: str, place: str) -> list[tuple[str, str]]:
    if state.hidden != place:
        return [("owner", f"{a} cannot find the lantern on {place}: {_whereabouts(state)}.")]
    return [("rule", f"{a} hid the lantern and need not find it.")] if a == state.hider else []


def _sailing(state: State, kind: str, a: str, place: str) -> list[tuple[str, str]]:
    found = []
    if state.storm:
        found.append(("storm", f"{a} took the ferry in a storm."))
    if not RESIDENTS[a].sails:
        found.append(("rule", f"{a} never takes the ferry."))
    if place not in neighbours(state.place[a]):
        found.append(("place", f"{a} is on {state.place[a]}, and the ferry does not go from there to {place}."))
    if kind == "sail" and state.holder == a:
        found.append(("owner", f"{a} has the lantern and would not sail without it."))
    return found


def _asking(state: State, event: Event) -> list[tuple[str, str]]:
    kind, a, other = event
    knowing = _who_knows(state)
    if a in knowing:
        return [("owner", f"{a} asks who has the lantern and knows: {_whereabouts(state)}.")]
    if kind == "ask" and state.holder != other:
        return [("owner", f"{other} does not have the lantern: {_whereabouts(state)}.")]
    informed = [name for name in knowing if state.place[name] == state.place[a]]
    if kind == "wonder" and informed:
        return [("owner", f"{informed[0]} is on {state.place[a]} and knew: {_whereabouts(state)}.")]
    return []
