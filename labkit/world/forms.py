"""Everything a story or a fact can say, as patterns: so that a sentence is understood even where it is wrong."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from .canon import ISLANDS, RESIDENTS
from .events import TEMPLATES
from .facts import TEMPLATES as FACT_TEMPLATES
from .places import CALL, IS_ON
from .stories import ANSWER_HELD, ANSWER_HIDDEN, ENDINGS, GUESTS, HOST, LANTERN_IS, WEATHER

__all__ = ["Form", "recognise", "recognise_fact"]

_NAME = "[A-Z][a-z]+"
_SPOTS = {island.hiding_place: name for name, island in ISLANDS.items()}


@dataclass(frozen=True)
class Form:
    """A recognised sentence: what sort it is, what fills its slots, where it ends, and what it gets wrong by itself."""

    sort: str
    key: Any
    slots: dict[str, str]
    end: int
    wrong: tuple[tuple[str, str], ...] = field(default=())


def _any_of(values: Iterable[str]) -> str:
    return "|".join(sorted(map(re.escape, values), key=len, reverse=True))


def _pattern(template: str) -> re.Pattern[str]:
    sayings = [resident.saying for resident in RESIDENTS.values()]
    fillers = {
        "a": _NAME,
        "b": _NAME,
        "name": _NAME,
        "place": _NAME,
        "value": "[A-Za-z]+",
        "trade": "[a-z]+",
        "spot": _any_of(_SPOTS),
        "ware": _any_of(resident.ware for resident in RESIDENTS.values()),
        "saying": _any_of(sayings),
        "saying_on": _any_of(saying.replace(".", ",") for saying in sayings),
        "habit": _any_of(resident.habit for resident in RESIDENTS.values()),
    }
    pieces = re.split(r"{(\w+)}", template.strip())
    source = "".join(
        re.escape(piece) if place % 2 == 0 else f"(?P<{piece}>{fillers[piece]})" for place, piece in enumerate(pieces)
    )
    return re.compile(r"\s*" + source)


@cache
def _forms() -> list[tuple[str, Any, re.Pattern[str]]]:
    """Return (sort, key, pattern) of every sentence of a day."""
    found: list[tuple[str, Any, str]] = []
    found += [("weather", key, text) for key, texts in WEATHER.items() for text in texts]
    found += [("person", "host", HOST), *(("person", "guest", text) for text in GUESTS)]
    found += [("lantern", None, text) for text in LANTERN_IS]
    found += [("event", kind, text) for kind, (_, _, texts) in TEMPLATES.items() for text in texts]
    found += [("question", "story", text) for text in ENDINGS]
    found += [("answer", None, text) for text in (*ANSWER_HELD, ANSWER_HIDDEN)]
    found += [("question", "call", CALL), ("whereabouts", None, IS_ON + " {place}.")]
    patterns = [(sort, key, _pattern(text)) for sort, key, text in found]
    listed = rf"\s*Who has the lantern: {_NAME}, {_NAME}, {_NAME} or {_NAME}\? The lantern is with (?P<a>{_NAME})\."
    return [*patterns, ("question", "choice", re.compile(listed))]


def recognise(text: str, position: int) -> Form | None:
    """Return the sentence of a story that begins at `position`, or None."""
    for sort, key, pattern in _forms():
        match = pattern.match(text, position)
        if match:
            slots = match.groupdict()
            return _event(key, slots, match.end()) if sort == "event" else Form(sort, key, slots, match.end())
    return None


def _event(kind: str, slots: dict[str, str], end: int) -> Form:
    teller = RESIDENTS.get(slots["a"])
    values = dict(slots)
    if "spot" in slots:
        values["place"] = _SPOTS[slots["spot"]]
    event = (kind, *(values[slot] for slot in TEMPLATES[kind][1]))
    wrong: list[tuple[str, str]] = []
    if teller and kind == "habit" and slots["habit"] != teller.habit:
        wrong.append(("fact", f"That is not what {teller.name} always does: {_who('habit', slots['habit'])} does it."))
    if teller and kind == "say":
        said = slots.get("saying") or slots["saying_on"]
        if said.rstrip(".,") != teller.saying.rstrip("."):
            wrong.append(("fact", f"That is not what {teller.name} says: {_who('saying', said)} says it."))
    taker = RESIDENTS.get(slots.get("b", ""))
    if taker and kind == "trade" and slots["ware"] != taker.ware:
        wrong.append(("fact", f"{taker.name} has {taker.ware} to offer, not {slots['ware']}."))
    return Form("event", event, slots, end, tuple(wrong))


def _who(what: str, value: str) -> str:
    return next(r.name for r in RESIDENTS.values() if getattr(r, what).rstrip(".") == value.rstrip(".,"))


@cache
def _fact_forms() -> list[tuple[str, re.Pattern[str]]]:
    return [
        (relation, _pattern(template))
        for relation, splits in FACT_TEMPLATES.items()
        for templates in splits.values()
        for template in templates
    ]


def recognise_fact(text: str, position: int) -> tuple[str, str, str, int] | None:
    """Return (name, relation, value, end) of the statement that begins at `position`, or None."""
    for relation, pattern in _fact_forms():
        match = pattern.match(text, position)
        if match:
            return match["name"], relation, match["value"], match.end()
    return None
