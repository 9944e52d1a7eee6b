"""Which lessons there are: one for each paper that has one, and the primer."""

from __future__ import annotations

from functools import cache

from labkit.base.errors import unknown
from labkit.base.papers import papers

from .lesson_definition import LessonDefinition
from .primer import LESSON as PRIMER

__all__ = ["definition", "definitions"]


@cache
def definitions() -> dict[str, LessonDefinition]:
    """Return every lesson of the course by its id, in order."""
    found = [paper.module("exercises").LESSON for paper in papers().values() if paper.lesson] + [PRIMER]
    return {lesson.id: lesson for lesson in found}


def definition(lesson: str) -> LessonDefinition:
    """Return a lesson by id or name ("00", "00_cut_compare_restore"); raise `UnknownName` for others."""
    known = definitions()
    for one in known.values():
        if lesson in (one.id, one.name):
            return one
    raise unknown("lesson", lesson, [*known, *(one.name for one in known.values())])
