"""Multiple choice in plain English: the question lists four answers, the text gives the right one.

Half of the documents ask who has the lantern after a short day, half ask for a fact. Facts are asked about subjects
that are disjoint between the splits.
"""

from __future__ import annotations

from functools import partial
from itertools import permutations

from .canon import RELATIONS, RESIDENTS, fact, register_of
from .drivers import Driver, Groups, Wordings
from .events import State
from .stories import ACTS, day

__all__ = ["QUESTIONS", "STARTS", "tell"]

QUESTIONS = {
    "home": "Where is the home of {name}:",
    "trade": "What is the trade of {name}:",
    "boat": "What colour is the boat of {name}:",
    "supper": "What is the supper of {name}:",
}
OR, ANSWER, HOLDS = " or ", " Answer: ", " The lantern is with "
STARTS = {"story": ("A short day.",), "fact": ("A question.",)}
_OPTIONS = 4
_SUBJECTS = {split: register_of(split) for split in ("train", "valid", "test")}
_SUBJECTS["train"] = (*RESIDENTS, *_SUBJECTS["train"])
_FACTS = {split: tuple((name, r) for name in names for r in QUESTIONS) for split, names in _SUBJECTS.items()}


def _listed(names: tuple[str, ...]) -> tuple[str]:
    return (f" Who has the lantern: {', '.join(names[:-1])}{OR}{names[-1]}?",)


def _closing(state: State) -> tuple[Groups, Wordings]:
    return ((1.0, list(permutations(state.cast))),), _listed


def tell(pen: Driver, split: str = "train") -> State | None:
    """Ask about the lantern after a morning, or about a fact, and answer."""
    if pen.one_of(("story", "fact"), lambda key: STARTS[key]) == "fact":
        _fact(pen, split)
        return None
    pen.say(" ")
    state = day(pen, ACTS[:1], _closing, hiding=False)
    pen.say(f"{HOLDS}{state.holder}.")
    return state


def _between(lead: str, tail: str, key: str) -> tuple[str]:
    return (lead + key + tail,)


def _fact(pen: Driver, split: str) -> None:
    """Ask about a fact, with four answers to choose from, and answer it."""
    name, relation = pen.one_of(_FACTS[split], lambda key: (" " + QUESTIONS[key[1]].format(name=key[0]),))
    truth = fact(name, relation)
    shown: list[str] = []
    for number in range(_OPTIONS):
        lead, tail = (OR, "?") if number == _OPTIONS - 1 else (" ", "," if number < _OPTIONS - 2 else "")
        others = [value for value in RELATIONS[relation] if value != truth and value not in shown]
        left = _OPTIONS - number
        if truth in shown:
            groups = [(1.0, others)]
        elif left == 1:
            groups = [(1.0, [truth])]
        else:
            groups = [(1.0, [truth]), (left - 1.0, others)]
        shown.append(pen.pick(groups, partial(_between, lead, tail)))
    pen.say(f"{ANSWER}{truth}.")
