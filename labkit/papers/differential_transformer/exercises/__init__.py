"""Lesson 04: Differential Transformer. What is predicted, what is asked, and what a wrong answer usually means."""

from __future__ import annotations

from labkit.course import LessonDefinition, Prediction

from . import alone, by_hand, two_maps

__all__ = ["LESSON"]


def _least_noise(found: dict[float, float]) -> int:
    """Return the place of the λ with the least noise among the options, in their order."""
    return min(range(len(found)), key=list(found.values()).__getitem__)


def _lambda(found: float) -> int:
    return 0 if found > 0.5 else 1 if found > 0.1 else 2 if found > -0.1 else 3


def _winner(found: dict[str, float]) -> int | tuple[int, ...]:
    """Return the arm with the most right answers; arms within two points of it tie."""
    best = max(found.values())
    near = tuple(place for place, share in enumerate(found.values()) if share > best - 0.02)
    return near[0] if len(near) == 1 else near


def _after_surgery(found: float) -> int:
    return 0 if found > 0.9 else 1 if found > 0.5 else 2 if found > 0.1 else 3


PREDICTIONS = (
    Prediction(
        id="r1",
        question="A new part makes a model better. Which model shows whether it was that part?",
        options=(
            "a larger one without it",
            "the same one trained longer",
            "one that differs from it in that part alone",
            "one from another paper",
        ),
        answer=2,
        because="If two things change at once, either may be the reason. A control changes one.",
    ),
    Prediction(
        id="r2",
        question="A method wins with one seed. What have you seen?",
        options=("that it is better", "one draw; seeds may differ by more", "that it is as good", "nothing at all"),
        answer=1,
        because="Compare seed by seed, and ask whether the interval of the differences leaves out 0.",
    ),
    Prediction(
        id="p1",
        question=(
            "Two microphones hear the same noise of size 1, and each has noise of its own of size 0.5. You subtract λ "
            "times the second from the first. Which λ leaves the least noise?"
        ),
        options=("0.5", "0.8", "1", "1.2"),
        answer=_least_noise,
        because="Shared noise goes with (1 − λ)², own noise comes with 1 + λ². The best λ is below 1.",
    ),
    Prediction(
        id="p2",
        question="λ started near 0.2. Where did training take it, on average over the six models?",
        options=(
            "above 0.5: the model subtracts more",
            "near 0.2",
            "near 0: the model gave up the second map",
            "below 0: the model adds the second map",
        ),
        answer=_lambda,
        because=(
            "Nothing in the formula keeps λ above 0. With λ below 0, A1 − λ A2 is a sum: no weight is negative, and "
            "nothing is cancelled. Section 3 asks whether the model needed that."
        ),
    ),
    Prediction(
        id="p3",
        question="The texts are twice as long and hold twice as many needles. Which model answers most questions?",
        options=("softmax 8×8", "softmax 4×16", "normed 4×16", "DIFF"),
        answer=_winner,
        because=(
            "Each kind ran at its own best learning rate (DIFF's is twice as high). "
            "Those within two percentage points of the best count as equal."
        ),
    ),
    Prediction(
        id="p4",
        question=(
            "You set λ of the trained model to 0.8, about its value in the paper's deep layers. How many of ten "
            "questions does the model then answer?"
        ),
        options=("more than nine, as before", "five to nine", "one to five", "fewer than one: it guesses"),
        answer=_after_surgery,
        because="The parts after attention were trained on a sum of both maps; now they read a difference.",
    ),
)

LESSON = LessonDefinition(
    id="04",
    name="04_differential_transformer",
    title="Differential Transformer",
    question="What does attention do with words that do not matter?",
    minutes=60,
    objectives=tuple(
        dict.fromkeys(one.objective for one in (by_hand.SHARES, two_maps.VERSION_2, alone.ALONE, two_maps.KEYS))
    ),
    exercises=(by_hand.SHARES, two_maps.VERSION_2, alone.ALONE, two_maps.KEYS),
    predictions=PREDICTIONS,
)
