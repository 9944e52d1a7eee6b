"""Which lessons there are, and what each is made of besides its notebooks: title, minutes, objectives, exercises."""

from __future__ import annotations

import pkgutil
import re
from dataclasses import dataclass
from functools import cache
from importlib import import_module

from labkit.base.errors import BadInput, unknown

from .exercises import Exercise

__all__ = ["LessonDefinition", "definition", "definitions"]

_MODULES = r"lesson\d\d|primer"


@dataclass(frozen=True, kw_only=True)
class LessonDefinition:
    """The facts of a lesson; each lives as `LESSON` in `labkit/lessons/lessonNN.py`, the primer's in `primer.py`.

    `name` is the folder under `lessons/`; `minutes` what the hour's notebook takes, as its headings add up to.
    """

    id: str
    name: str
    title: str
    question: str
    minutes: int
    objectives: tuple[str, ...] = ()
    exercises: tuple[Exercise, ...] = ()

    def __post_init__(self) -> None:
        if not self.name.startswith(self.id):
            raise BadInput(f"Lesson {self.id} lives in {self.name!r}.", expected=f"a name that starts with {self.id}")
        if not 1 <= self.minutes <= 60:
            raise BadInput(f"Lesson {self.id} takes {self.minutes} minutes.", expected="1 to 60")
        ids = [exercise.id for exercise in self.exercises]
        if len(set(ids)) != len(ids) or any(not one.startswith(f"{self.id}.") for one in ids):
            raise BadInput(f"Lesson {self.id} has the exercises {ids}.", expected=f"different ids like {self.id}.1")
        stray = {exercise.objective for exercise in self.exercises} - set(self.objectives)
        if stray:
            raise BadInput(
                f"An exercise of lesson {self.id} serves {sorted(stray)[0]!r}.",
                expected="one of the lesson's objectives",
            )

    def exercise(self, exercise_id: str) -> Exercise:
        for exercise in self.exercises:
            if exercise.id == exercise_id:
                return exercise
        raise unknown("exercise", exercise_id, [exercise.id for exercise in self.exercises])


@cache
def definitions() -> dict[str, LessonDefinition]:
    """Return every lesson of the course by its id, in order."""
    package = import_module("labkit.lessons")
    names = sorted(module.name for module in pkgutil.iter_modules(package.__path__))
    found = [import_module(f"labkit.lessons.{name}").LESSON for name in names if re.fullmatch(_MODULES, name)]
    return {lesson.id: lesson for lesson in found}


def definition(lesson: str) -> LessonDefinition:
    """Return a lesson by id or name ("00", "00_cut_compare_restore"); raise `UnknownName` for others."""
    known = definitions()
    for one in known.values():
        if lesson in (one.id, one.name):
            return one
    raise unknown("lesson", lesson, [*known, *(one.name for one in known.values())])
