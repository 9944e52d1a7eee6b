"""What lesson 10 asks before it runs, and what decides."""

from __future__ import annotations

from collections.abc import Mapping

from labkit.course.questions import Prediction

__all__ = ["PREDICTIONS"]

SAME, SMALL = 0.02, 0.05  # nats a word: less counts as no difference; less counts for both answers
CLOSE = 0.05  # a share of questions


def easier(found: Mapping[str, float]) -> int | tuple[int, ...]:
    """Return whose C is lower, punctuation or nouns: found holds both means; a small difference counts for both."""
    difference = found["punctuation"] - found["noun"]
    lower = 0 if difference < 0 else 1
    return 2 if abs(difference) <= SAME else (lower, 2) if abs(difference) <= SMALL else lower


def costliest(found: Mapping[str, float]) -> int | tuple[int, ...]:
    """Return which removal leaves the fewest right answers; those within a twentieth of it tie."""
    shares = [found[name] for name in ("punctuation", "random tokens", "content words")]
    tied = tuple(i for i, share in enumerate(shares) if share - min(shares) <= CLOSE)
    return tied[0] if len(tied) == 1 else tied


def recovered(found: tuple[float, float, float]) -> int:
    """Return how much of the loss is made up for: found is accuracy intact, stripped before, stripped after."""
    intact, before, after = found
    share = (after - before) / max(intact - before, 1e-9)
    return 0 if share < 0.15 else 1 if share < 0.65 else 2


def remains(found: tuple[float, float, float]) -> int:
    """Return how much of the loss is left: found is accuracy whole, stripped, and stripped from the start."""
    whole, stripped, never_saw = found
    share = (whole - never_saw) / max(whole - stripped, 1e-9)
    return 0 if share < 0.25 else 1 if share < 0.75 else 2


def chance(found: float) -> int:
    """Return the option nearest to a score."""
    return min(range(4), key=lambda place: abs((0.0, 0.1, 0.5, 0.95)[place] - found))


PREDICTIONS = (
    Prediction(
        id="r1",
        question="A model gets worse without a part. When does that say something about this part?",
        options=(
            "always",
            "when other parts of the same size, left out, cost less",
            "when the part has many weights",
            "when the loss rises by more than 0.1",
        ),
        answer=1,
        because="Anything left out may hurt. Only a control of the same size says whether this one is special.",
    ),
    Prediction(
        id="r2",
        question="The stream after a block points almost where it pointed before the block. Why?",
        options=(
            "the block is useless",
            "the norm turns it back",
            "the block adds to the stream, and what it adds is small beside it",
            "attention copies the token to itself",
        ),
        answer=2,
        because="h + f(h) is near h whenever f(h) is short. Keep it in mind for the third experiment.",
    ),
    Prediction(
        id="p1",
        question="The words before a token are to be rebuilt from that token's states alone. From which is it easier?",
        options=("punctuation", "a noun", "about as easy from either"),
        answer=easier,
        because="Lower C means that more of the past can be rebuilt. Section 2 asks where the difference comes from.",
    ),
    Prediction(
        id="p2",
        question=(
            "From long documents we take out all punctuation, or as many random tokens, or as many content words "
            "(names, nouns, verbs). After which are the fewest questions answered right?"
        ),
        options=("punctuation", "random tokens", "content words"),
        answer=costliest,
        because="The paper has no such control: it takes out fillers and compares with nothing taken out.",
    ),
    Prediction(
        id="p3",
        question=(
            "The model goes on training for twenty small steps, on 160 documents without punctuation. How much of what "
            "the missing punctuation cost does it win back on new documents?"
        ),
        options=("hardly anything", "about a third", "most of it"),
        answer=recovered,
        because=(
            "That is on 50 questions, with one seed. The next cell has five seeds and a control that reads on with "
            "whole texts."
        ),
    ),
    Prediction(
        id="p4",
        question=(
            "Small models start from nothing. Those that read whole days lose answers when punctuation is taken out. "
            "Others read days without punctuation from the start, and never meet a mark. Asked about such days, how "
            "much of that loss do they show?"
        ),
        options=("hardly any of it", "about half of it", "all of it"),
        answer=remains,
        because="If the marks hold what is needed, whoever has none lacks it. If their absence confuses, it need not.",
    ),
    Prediction(
        id="p5",
        question=(
            "Two clouds of random vectors that have nothing to do with each other, 192 tokens of width 96. Which "
            "linearity score do they get?"
        ),
        options=("0, they are unrelated", "about 0.1", "about 0.5", "nearly 1"),
        answer=chance,
        because="It is taken on the tokens it was fitted on, and 96 numbers a channel fit half of 192: D / (N − 1).",
    ),
)
