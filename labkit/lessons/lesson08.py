"""Lesson 08: the curse of depth."""

from __future__ import annotations

from . import lesson08_deeper, lesson08_hour
from .catalogue import LessonDefinition

__all__ = ["LESSON"]

LESSON = LessonDefinition(
    id="08",
    name="08_curse_of_depth",
    title="The curse of depth",
    question="Why were deep layers cheap to lose?",
    minutes=60,
    objectives=(*lesson08_hour.OBJECTIVES, *lesson08_deeper.OBJECTIVES),
    exercises=(*lesson08_hour.EXERCISES, *lesson08_deeper.EXERCISES),
)
