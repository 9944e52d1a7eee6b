"""Lesson 09: Layer-Integrated Memory."""

from __future__ import annotations

from labkit.course import LessonDefinition

from .predictions import PREDICTIONS
from .tasks import EXERCISES, OBJECTIVES

__all__ = ["LESSON"]

LESSON = LessonDefinition(
    id="09",
    name="09_layer_integrated_memory",
    title="Layer-Integrated Memory",
    question="Why read only the layer below?",
    minutes=60,
    objectives=OBJECTIVES,
    exercises=EXERCISES,
    predictions=PREDICTIONS,
)
