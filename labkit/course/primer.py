"""The primer: seven refreshers of five minutes, linked from the lessons that need them. It has no exercises."""

from __future__ import annotations

from .lesson_definition import LessonDefinition

__all__ = ["LESSON"]

LESSON = LessonDefinition(
    id="primer",
    name="primer",
    title="Seven refreshers",
    question="Which of these seven words would you like refreshed?",
    minutes=35,
)
