"""Lesson 08: the curse of depth."""

from __future__ import annotations

from labkit.course.lesson_definition import LessonDefinition

from . import deeper, hour
from .predictions import PREDICTIONS

__all__ = ["LESSON"]

LESSON = LessonDefinition(
    id="08",
    name="08_curse_of_depth",
    title="The curse of depth",
    question="Are deep layers cheap to lose, and why?",
    minutes=60,
    objectives=(*hour.OBJECTIVES, *deeper.OBJECTIVES),
    exercises=(*hour.EXERCISES, *deeper.EXERCISES),
    predictions=PREDICTIONS,
)
