"""What a lesson is made of besides its notebooks: title, minutes, objectives, predictions, exercises."""

from __future__ import annotations

from dataclasses import dataclass

from labkit.base.errors import BadInput, unknown

from .exercises import Exercise
from .questions import Prediction

__all__ = ["LessonDefinition"]


@dataclass(frozen=True, kw_only=True)
class LessonDefinition:
    """The facts of a lesson; each lives as `LESSON` in the `exercises` of its paper's folder, the primer's in `primer`.

    `name` is the folder under `lessons/`; `minutes` what the hour's notebook takes, as its headings add up to.
    """

    id: str
    name: str
    title: str
    question: str
    minutes: int
    objectives: tuple[str, ...] = ()
    exercises: tuple[Exercise, ...] = ()
    predictions: tuple[Prediction, ...] = ()

    def __post_init__(self) -> None:
        if not self.name.startswith(self.id):
            raise BadInput(f"Lesson {self.id} lives in {self.name!r}.", expected=f"a name that starts with {self.id}")
        if not 1 <= self.minutes <= 60:
            raise BadInput(f"Lesson {self.id} takes {self.minutes} minutes.", expected="1 to 60")
        ids = [exercise.id for exercise in self.exercises]
        if len(set(ids)) != len(ids) or any(not one.startswith(f"{self.id}.") for one in ids):
            raise BadInput(f"Lesson {self.id} has the exercises {ids}.", expected=f"different ids like {self.id}.1")
        stray = {exercise.objective for exercise in self.exercises} - set(self.objectives)
        if stray:
            raise BadInput(
                f"An exercise of lesson {self.id} serves {sorted(stray)[0]!r}.",
                expected="one of the lesson's objectives",
            )

    def exercise(self, exercise_id: str) -> Exercise:
        for exercise in self.exercises:
            if exercise.id == exercise_id:
                return exercise
        raise unknown("exercise", exercise_id, [exercise.id for exercise in self.exercises])

    def prediction(self, prediction_id: str) -> Prediction:
        for prediction in self.predictions:
            if prediction.id == prediction_id:
                return prediction
        raise unknown("prediction", prediction_id, [prediction.id for prediction in self.predictions])
