"""By hand: how far from the truth is a perfect sampler, and how far a perfect regression?"""

from __future__ import annotations

from labkit.course.exercises import Exercise
from labkit.course.tolerance import number

__all__ = ["FACTOR", "OBJECTIVE"]

OBJECTIVE = "say where squared error leads when several things can happen, and which error would show it"

FACTOR = Exercise(
    id="06.1",
    title="The price of drawing",
    minutes=3,
    objective=OBJECTIVE,
    difficulty="easy",
    task=(
        "Two futures, equally likely, lie 2 apart. A regression always answers with the point "
        "midway. A perfect sampler "
        "draws one of the two, as the world does, independently. Take the **root mean square** distance to the future "
        "that happens: square the distances, average, take the root. How many times as large is the sampler's as the "
        "regression's? Two decimals will do."
    ),
    expects="a number above 0",
    check=number(
        2**0.5,
        "The regression is always 1 away. The sampler is 0 away half of the time and 2 away the other half: mean "
        "square 2. That holds for any futures: a draw is √2 times as far as the mean is, by this measure.",
        tol=0.006,
        mistakes=[
            (1.0, "you averaged the distances themselves.", "what is squared, and when"),
            (2.0, "these are the mean squares; the root is missing.", "the last of the three steps"),
            (0.5**0.5, "you have the ratio the wrong way round.", "whose distance is above the fraction line"),
            (0.5, "this is the ratio of squares, the wrong way round.", "which of the two is nearer"),
            (0.0, "a sampler that is right about the chances is not right about each case.", "a draw that misses"),
        ],
    ),
    hints=(
        "Write down the possible distances of each, and how likely they are.",
        "Regression: 1, always. Sampler: 0 or 2.",
        "Mean squares are 1 and (0 + 4)/2. What was asked is a ratio of roots.",
    ),
    solution=(
        "Regression √1 = 1; sampler √((0² + 2²)/2) = √2. Ratio √2 ≈ 1.41. With plain means both are 1: that measure "
        "cannot tell them apart."
    ),
    answer=2**0.5,
    typical_wrong=(
        (1.0, "averaged the distances"),
        (2.0, "root is missing"),
        (0.7071, "wrong way round"),
        (0.5, "wrong way round"),
        (0.0, "each case"),
        (4.0, "not the number"),
        ("root two", "could not be used"),
    ),
)
