"""The primer: seven refreshers of five minutes, linked from the lessons that need them. It has no exercises."""

from __future__ import annotations

from .lesson_definition import LessonDefinition
from .questions import Prediction

__all__ = ["LESSON"]

SHARES = (0.125, 0.4, 0.7, 0.95)  # what the options of p5 say in words


def _nearest(share: float) -> int:
    return min(range(len(SHARES)), key=lambda place: abs(SHARES[place] - share))


PREDICTIONS = (
    Prediction(
        id="p1",
        question=(
            "A cut halves the probability of the right word, from 0.10 to 0.05. "
            "By how many nats does the surprise rise?"
        ),
        options=("0.05", "0.69", "2", "that depends on how many words there are"),
        answer=1,
        because="Halving costs ln 2 nats, wherever it starts.",
    ),
    Prediction(
        id="p2",
        question="You change the four logits. Which change leaves the four probabilities as they were?",
        options=("adding 3 to each", "doubling each", "either of them", "neither of them"),
        answer=0,
        because="A common factor exp(3) stands above and below the line.",
    ),
    Prediction(
        id="p3",
        question=(
            "You double the stream in front of an MLP: every number times two. What happens to what the MLP adds to it?"
        ),
        options=("it doubles", "it stays the same", "it is four times as large", "it is halved"),
        answer=1,
        because="The norm divides by the stream's own size.",
    ),
    Prediction(
        id="p4",
        question="Two vectors of 128 numbers, all drawn at random. How far from zero is their cosine, typically?",
        options=("less than 0.001", "about 0.07", "about 0.3", "about 0.5"),
        answer=1,
        because="Theory says √(2 / (π · 128)) = 0.07.",
    ),
    Prediction(
        id="p5",
        question=(
            "The down projection of the last MLP is a matrix of 128 × 352: 128 singular values, the largest first. You "
            "keep the largest 16, one eighth of them. What share of the sum of all squared weights is left?"
        ),
        options=("about an eighth", "about two fifths", "about seven tenths", "nearly all"),
        answer=_nearest,
    ),
    Prediction(
        id="p6",
        question="Suppose KL(p‖q) is 0.30 nats. What is KL(q‖p), with the two exchanged?",
        options=("0.30 nats as well", "−0.30 nats", "0, since they cancel", "another positive number, to be computed"),
        answer=3,
        because="The average is taken over p in one and over q in the other.",
    ),
    Prediction(
        id="p7",
        question="Half the noise is in, and the denoiser sees x = 0, exactly in the middle. What does it answer?",
        options=("−2", "+2", "0", "−2 or +2, by the throw of a coin"),
        answer=2,
        because="The mean of two futures has the least squared error, and is neither.",
    ),
)
LESSON = LessonDefinition(
    id="primer",
    name="primer",
    title="Seven refreshers",
    question="Which of these seven words would you like refreshed?",
    minutes=35,
    predictions=PREDICTIONS,
)
