"""Exercise 10.1: information gain by hand."""

from __future__ import annotations

from labkit.course.exercises import Exercise
from labkit.course.tolerance import number

__all__ = ["GAIN"]

GAIN = Exercise(
    id="10.1",
    title="What did this comma tell?",
    minutes=3,
    objective="tell how much a token's states say about the words before it from how predictable those words are",
    difficulty="easy",
    task=(
        "Four words stand before a comma. A decoder that is given *nothing* pays 2.4, 1.2, 0.3 and 0.3 nats for them, "
        "one after the other. A decoder that is given the comma's states pays 0.6, 0.9, 0.3 and 0.6. How much "
        "information does the comma give about its past, in nats a word? Work it out by hand."
    ),
    expects="a number, in nats a word",
    check=number(
        0.45,
        "(4.2 − 2.4) / 4. The last word got more expensive, and counts all the same: a gain is a mean over words, and "
        "for a single word it may be negative.",
        tol=0.006,
        mistakes=[
            (0.6, "this is C itself. It is low also where the words are easy for anybody.", "what was paid without it"),
            (1.05, "this is what was paid without the comma.", "both decoders"),
            (1.8, "this is the gain over all four words.", "the unit: nats a word"),
            (-0.45, "you took the two the other way round.", "whether information can be expected below zero"),
            (0.525, "you left out the word that got more expensive, or counted it as nothing.", "all four differences"),
            (0.7, "you divided by the words that got cheaper, or left the others out.", "all four differences"),
        ],
    ),
    hints=(
        "A gain compares two decoders on the same words.",
        "Take what each pays for all four words.",
        "Difference of the two sums, then per word.",
    ),
    solution="Without: 2.4 + 1.2 + 0.3 + 0.3 = 4.2. With: 0.6 + 0.9 + 0.3 + 0.6 = 2.4. Gain: 1.8 nats, 0.45 a word.",
    answer=0.45,
    typical_wrong=(
        (0.6, "C itself"),
        (1.05, "without the comma"),
        (1.8, "all four words"),
        (-0.45, "other way round"),
        (0.525, "more expensive"),
        (0.7, "divided by the words"),
    ),
)
