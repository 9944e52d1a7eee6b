"""The hour of lesson 05."""

from labkit.course.lesson_definition import LessonDefinition

from .hunt import CUT, GUILTY, HUNT, suspects
from .patches import COST, DOUBLING, MASK, MASKS
from .predictions import PREDICTIONS

__all__ = ["GUILTY", "LESSON", "suspects"]

LESSON = LessonDefinition(
    id="05",
    name="05_byte_latent_transformer",
    title="Byte Latent Transformer",
    question="Who decided where a word ends?",
    minutes=60,
    objectives=(CUT, COST, MASKS),
    exercises=(DOUBLING, MASK, HUNT),
    predictions=PREDICTIONS,
)
