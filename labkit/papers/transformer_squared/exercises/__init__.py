"""Lesson 07: Transformer²."""

from __future__ import annotations

from labkit.course.lesson_definition import LessonDefinition

from .hour import COUNT, OBJECTIVES, POLICY
from .hunt import HUNT
from .predictions import PREDICTIONS
from .strength import STRENGTH

__all__ = ["LESSON"]

LESSON = LessonDefinition(
    id="07",
    name="07_transformer_squared",
    title="Transformer²",
    question="Off is easy; can a skill be turned up?",
    minutes=60,
    objectives=OBJECTIVES,
    exercises=(COUNT, POLICY, STRENGTH, HUNT),
    predictions=PREDICTIONS,
)
