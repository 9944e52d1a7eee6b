"""Lesson 10: LLM-Microscope."""

from __future__ import annotations

from labkit.course.lesson_definition import LessonDefinition

from .gain import GAIN
from .hunt import HUNT
from .predictions import PREDICTIONS
from .share import SHARE

__all__ = ["LESSON"]

EXERCISES = (GAIN, SHARE, HUNT)

LESSON = LessonDefinition(
    id="10",
    name="10_llm_microscope",
    title="LLM-Microscope",
    question="What does each layer do to a comma?",
    minutes=60,
    objectives=tuple(one.objective for one in EXERCISES),
    exercises=EXERCISES,
    predictions=PREDICTIONS,
)
