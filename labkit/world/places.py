"""Where everybody is: a day, short or long, then all four of it are called, and the text says where each of them is.

In a story nobody says aloud where people are, though nearly every sentence depends on it. Here it is said.
"""

from __future__ import annotations

from .drivers import Driver, Groups, Wordings
from .events import State
from .stories import ACTS, day

__all__ = ["CALL", "IS_ON", "STARTS", "tell"]

STARTS = {"short": ("A short day.",), "long": ("A day.",)}
_ACTS = {"short": 1, "long": 3}
CALL = " Where is who?"
IS_ON = " {a} is on"


def _closing(state: State) -> tuple[Groups, Wordings]:
    return ((1.0, ("call",)),), lambda _: (CALL,)


def tell(pen: Driver, split: str = "train") -> State:
    """Tell a day, then say where its people are, in any order; every split has the same distribution."""
    length = pen.one_of(tuple(STARTS), STARTS.__getitem__)
    pen.say(" ")
    state = day(pen, ACTS[: _ACTS[length]], _closing)
    uncalled = list(state.cast)
    while uncalled:
        name = pen.one_of(uncalled, lambda name: (IS_ON.format(a=name),))
        uncalled.remove(name)
        pen.say(f" {state.place[name]}.")
    return state
