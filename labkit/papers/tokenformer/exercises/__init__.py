"""Lesson 03: TokenFormer."""

from __future__ import annotations

from labkit.course import LessonDefinition

from .hour import factor, live
from .hunting import hunt, needed
from .predictions import PREDICTIONS

__all__ = ["LESSON"]

_THETA = "say which Θ leaves a layer's output alone when a zero key is appended, and what τ has to do with it"
_GROW = "grow a trained model so that no word changes, and say which choices break that"
_COST = "tell what a comparison counted: which cost, against which control, and which tokens did the work"
OBJECTIVES = (_THETA, _GROW, _COST)

LESSON = LessonDefinition(
    id="03",
    name="03_tokenformer",
    title="TokenFormer",
    question="Can it grow without changing a word?",
    minutes=60,
    objectives=OBJECTIVES,
    exercises=(factor(_THETA), live(_GROW), needed(_COST), hunt(_GROW)),
    predictions=PREDICTIONS,
)
