"""An exercise as data: what is asked, how an answer is judged, what each wrong answer usually means.

A `check` takes the answer and returns `right(...)` or `wrong(thought, look_at)`. It may be any small function; the
makers below cover the common cases. Judging never raises: an answer that cannot be read is a wrong answer that says so.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from labkit.base.errors import BadInput

__all__ = ["Exercise", "NotAttempted", "Outcome", "is_blank", "judge", "one_of", "right", "wrong"]

WITNESSES: list[Callable[[Exercise, Any, Outcome], None]] = []  # who is shown each answer with what became of it
_SYMBOLS = {"not attempted": "○", "wrong": "✗", "right": "✓"}


class NotAttempted(Exception):
    """Raised inside a check when the answer is still the stub."""


@dataclass(frozen=True)
class Outcome:
    """What became of one answer: status "not attempted", "wrong" or "right", and the sentence that says why."""

    status: str
    message: str
    exercise: str = ""

    @property
    def right(self) -> bool:
        return self.status == "right"

    def __str__(self) -> str:
        head = f"{_SYMBOLS[self.status]} {self.exercise} {self.status}".replace("  ", " ")
        return f"{head}: {self.message}" if self.message else head

    def _ipython_display_(self) -> None:
        """Show nothing: `check` has printed the outcome already, wherever in the cell it stood."""


def right(because: str = "") -> Outcome:
    """Return the outcome of a right answer; `because` is one sentence to take along."""
    return Outcome("right", because)


def wrong(thought: str, look_at: str) -> Outcome:
    """Return the outcome of a wrong answer: the likely thought behind it, and one thing to look at."""
    return Outcome("wrong", f"{thought.rstrip()} Look at: {look_at.rstrip('.')}.")


@dataclass(frozen=True, kw_only=True)
class Exercise:
    """One exercise of a lesson.

    `task` is Markdown; `expects` says in a few words what kind of thing the answer is; `hints` are three, graded;
    `answer` is one right answer and `typical_wrong` are (answer, words that its message must contain), so that tests
    can judge the judge. Where they are: each paper's `exercises`.
    """

    id: str
    title: str
    minutes: int
    objective: str
    task: str
    expects: str
    check: Callable[[Any], Outcome]
    hints: tuple[str, str, str]
    solution: str
    answer: Any
    typical_wrong: tuple[tuple[Any, str], ...]
    difficulty: str = "medium"
    deeper: bool = False

    def __post_init__(self) -> None:
        if len(self.hints) != 3:
            raise BadInput(
                f"Exercise {self.id} has {len(self.hints)} hints.", expected="three, from a nudge to a sketch"
            )
        if len(self.typical_wrong) < 2:
            raise BadInput(
                f"Exercise {self.id} names too few wrong answers.", expected="at least two, with their messages"
            )
        if not 1 <= self.minutes <= 15:
            raise BadInput(f"Exercise {self.id} takes {self.minutes} minutes.", expected="1 to 15")
        if self.difficulty not in ("easy", "medium", "hard"):
            raise BadInput(f"Exercise {self.id} has difficulty {self.difficulty!r}.", expected="easy, medium or hard")


def judge(exercise: Exercise, answer: Any) -> Outcome:
    """Return the outcome for `answer`; never raises for anything a learner may hand in."""
    try:
        found = exercise.check(answer) if not is_blank(answer) else None
    except (NotAttempted, NotImplementedError):
        found = None
    except Exception as error:  # whatever the learner's code does belongs to the learner's answer
        if "ellipsis" in str(error).lower():  # the dots of the stub were computed with
            found = None
        else:
            found = wrong(
                f"the answer could not be used here ({type(error).__name__}: {_first_line(error)}).",
                f"its kind; expected is {exercise.expects}",
            )
    if found is None:
        found = Outcome("not attempted", f"put your answer in place of the dots ({exercise.expects}).")
    outcome = Outcome(found.status, found.message, exercise.id)
    for witness in WITNESSES:
        witness(exercise, answer, outcome)
    return outcome


def is_blank(answer: Any) -> bool:
    """Say whether an answer is still the stub: `...`, None, empty text, or a container with `...` in it."""
    if answer is None or answer is ... or (isinstance(answer, str) and answer.strip() in ("", "...", "…")):
        return True
    if isinstance(answer, Mapping):
        return any(value is ... for value in answer.values())
    return isinstance(answer, list | tuple | set) and any(item is ... for item in answer)


def one_of(answer: str, because: str, others: Mapping[str, tuple[str, str]]) -> Callable[[Any], Outcome]:
    """Return a check for a choice among words; `others` maps each wrong choice to (thought, look_at)."""
    known = {_plain(word): word for word in (answer, *others)}

    def check(given: Any) -> Outcome:
        word = known.get(_plain(given))
        if word == answer:
            return right(because)
        if word is None:
            return wrong(f"{given!r} is not one of the choices.", "the choices: " + ", ".join(sorted(known.values())))
        return wrong(*others[word])

    return check


def _plain(text: Any) -> str:
    return " ".join(str(text).strip().lower().split())


def _first_line(error: Exception) -> str:
    lines: Sequence[str] = str(error).splitlines()
    return lines[0] if lines else "no message"
