"""The lesson's predictions and exercises: average precision by hand and in code, and a scorer that is too kind."""

from labkit.course import LessonDefinition

from .predictions import PREDICTIONS
from .ranking import BY_HAND, IN_CODE, RANK
from .scoring import SCORE, TOO_KIND, kindly_right

__all__ = ["LESSON", "kindly_right"]

CONTROL = "name the control that a damage map needs, and read the map against it"

LESSON = LessonDefinition(
    id="11",
    name="11_relation_neurons",
    title="Relation-specific neurons",
    question="Can it forget only who lives where?",
    minutes=60,
    objectives=(RANK, CONTROL, SCORE),
    exercises=(BY_HAND, IN_CODE, TOO_KIND),
    predictions=PREDICTIONS,
)
