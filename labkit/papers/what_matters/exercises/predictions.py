"""The lesson's predictions: what is asked before anything runs, and why it turned out so."""

from typing import Any

from labkit.course import Prediction, lowest

__all__ = ["PREDICTIONS"]


def _by_agreement(agreed: Any) -> int:
    """Return the option for a score's agreement with the truth: together, and inside each kind."""
    together, inside = agreed.correlation.value, min(one.value for one in agreed.within.values())
    return 0 if together > 0.6 else 1 if inside > together + 0.1 else 2


PREDICTIONS = (
    Prediction(
        id="p1",
        question="One part of the ten middle blocks is left out. Which kind costs more here, on average?",
        options=(
            "an MLP, as in the paper",
            "an attention",
            "both alike, within a factor of two",
        ),
        because="Every single one of the ten says so.",
        answer=lambda ratio: 0 if ratio < 0.5 else 1 if ratio > 2 else 2,
    ),
    Prediction(
        id="p2",
        question="How well do the two orders agree? (Rank correlation: 1 the same order, 0 none.)",
        options=(
            "well, for all 24 parts together (above 0.6)",
            "better inside each kind than for both kinds together",
            "no better inside a kind, and below 0.6 together",
        ),
        because="What an MLP turns and what an attention turns are not worth the same.",
        answer=_by_agreement,
    ),
    Prediction(
        id="p5",
        question="Four middle MLPs go together. Which four cost less?",
        options=(
            "the four that cost least alone",
            "the four with the lowest scores",
            "both alike, within a factor of two",
        ),
        because="What parts cost alone does not say what they cost together.",
        answer=lambda ratio: 0 if ratio < 0.5 else 1 if ratio > 2 else 2,
    ),
    Prediction(
        id="p3",
        question=(
            "The score chooses. Eight attentions, eight MLPs, eight blocks, or eight of either kind: "
            "which cut costs least here?"
        ),
        options=(
            "eight attentions",
            "eight MLPs",
            "eight blocks",
            "eight of either kind, jointly",
        ),
        because="MLPs lead while few are gone; the more go, the more each of them is missed.",
        answer=lambda race: lowest(race.loss[name][8] for name in ("attention", "mlp", "block", "joint")),
    ),
    Prediction(
        id="p4",
        question="Attentions go one by one, the lowest score first. What falls below nine tenths first?",
        options=(
            "the loss",
            "copying a list",
            "who has the lantern",
            "facts",
        ),
        because="Each has a cliff of its own.",
        answer=lambda falls: list(falls).index(min(falls, key=lambda name: falls[name] or 99)),
    ),
    Prediction(
        id="r1",
        question="An attention is dropped. What do the parts after it read?",
        options=(
            "zeros",
            "the stream as it was before it",
            "the mean over all texts",
            "nothing: the model stops",
        ),
        answer=1,
        because="Every part adds to the stream; one that is missing adds nothing.",
    ),
    Prediction(
        id="r2",
        question=("A detector names one weight: what it reads and what it writes are spikes. What does that prove?"),
        options=(
            "that the model hangs on it",
            "that it stores something",
            "nothing, before it is taken out",
        ),
        answer=2,
        because="A spike is a reason to suspect. Only an operation convicts.",
    ),
    Prediction(
        id="d1",
        question=(
            "Attentions are ranked on stories, and again on lists to repeat. How many of the four lowest are the same?"
        ),
        options=(
            "all four",
            "two or three",
            "one or none",
        ),
        because="What is idle depends on the work.",
        answer=lambda same: 0 if same == 4 else 1 if same > 1 else 2,
    ),
    Prediction(
        id="d2",
        question=(
            "Half of the attentions of lab/deep are dropped, and no MLP. By how much does the time to write fall?"
        ),
        options=(
            "by half",
            "by less than half",
            "not at all",
        ),
        answer=lambda saved: 2 if saved < 0.02 else 0 if saved > 0.45 else 1,
    ),
    Prediction(
        id="d3",
        question=(
            "Four attentions are gone, and the rest is trained for a minute. How much of the lost nats comes back?"
        ),
        options=(
            "next to nothing",
            "about a quarter",
            "more than half",
        ),
        because="Each of five trainings says so.",
        answer=lambda share: sum(share > edge for edge in (0.1, 0.5)),
    ),
    Prediction(
        id="d4",
        question=("From early in training to its end, what becomes of the scores of the middle MLPs of lab/deep?"),
        options=(
            "they rise, as in the paper",
            "they stay",
            "they fall",
        ),
        because="By more than a fifth.",
        answer=lambda ratio: 0 if ratio > 1.25 else 2 if ratio < 0.8 else 1,
    ),
    Prediction(
        id="d5",
        question="Which score puts all 24 parts in the order nearest to that of their costs?",
        options=(
            "cosine",
            "without residual",
            "relative magnitude",
            "reverse order",
        ),
        because="It tells the kinds apart.",
        answer=lambda found: list(found).index(max(found, key=lambda name: found[name].correlation.value)),
    ),
    Prediction(
        id="d6",
        question=(
            "Four attentions go, or as many single weights all over the blocks, the least of them. Which costs less?"
        ),
        options=(
            "four attentions",
            "both alike, as in the paper",
            "the single weights, by far",
        ),
        because="A weight can be spared in every matrix; an attention is all or nothing.",
        answer=lambda ratio: 2 if ratio < 0.2 else 0 if ratio > 2 else 1,
    ),
)
