"""The lesson's predictions: what is asked before anything runs, and why it turned out so."""

from labkit.course import Prediction

__all__ = ["PREDICTIONS"]

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
    ),
    Prediction(
        id="p3",
        question=(
            "The score chooses. Four attentions, four MLPs, four blocks, or four of either kind: "
            "which cut costs least here?"
        ),
        options=(
            "four attentions",
            "four MLPs",
            "four blocks",
            "four of either kind, jointly",
        ),
        because="As with one at a time.",
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
    ),
    Prediction(
        id="r1",
        question="An attention is dropped. What do the parts after it read?",
        options=(
            "zeros",
            "the stream as it was in front of it",
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
    ),
)
