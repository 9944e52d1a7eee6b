"""Lesson 06: large concept models."""

from __future__ import annotations

from labkit.course.lesson_definition import LessonDefinition

from . import by_hand, hunting, predictions, sampling, wholes

__all__ = ["LESSON"]

LESSON = LessonDefinition(
    id="06",
    name="06_large_concept_models",
    title="Large concept models",
    question="What is the average of two futures?",
    minutes=60,
    objectives=(by_hand.OBJECTIVE, sampling.OBJECTIVE, hunting.OBJECTIVE),
    exercises=(by_hand.FACTOR, sampling.STEP, hunting.AVERAGED, hunting.DISHONEST, wholes.WHOLES),
    predictions=predictions.PREDICTIONS,
)
