"""What the reader predicts before anything runs."""

from __future__ import annotations

from labkit.course import Prediction

__all__ = ["PREDICTIONS"]


def _where(value: float, *edges: float) -> int:
    return sum(value >= edge for edge in edges)


PREDICTIONS = (
    Prediction(
        id="r1",
        question="Forty weights were tried and the worst one costs 0.3 nats. What must 0.3 be compared with?",
        options=(
            "the cost of one weight drawn at random",
            "0",
            "the largest cost among forty drawn at random",
            "the mean cost of the forty",
        ),
        answer=2,
        because="The largest of forty is large by itself. The null has to make the same choice.",
    ),
    Prediction(
        id="r2",
        question="A part is left out and the loss hardly rises. What has been shown?",
        options=(
            "the part has learned nothing",
            "the model is too deep",
            "this model, on this text, can do without it",
            "nothing is stored in that part",
        ),
        answer=2,
        because="Other parts may stand in for it, and another text may need it.",
    ),
    Prediction(
        id="p0",
        question="Which of the six neurons has the highest average precision for father?",
        options=("the first", "the second", "the third", "the fourth", "the fifth", "the sixth"),
        answer=lambda found: found,
        because="Nearly all of its squares lie right of the circles. Where zero is does not count, only the order.",
    ),
    Prediction(
        id="p1",
        question=(
            "Each of the 1,536 neurons is one number per prompt. For how many of the twelve relations is there a "
            "single neuron that ranks all 90 of its prompts above those of the others?"
        ),
        options=("none", "one to four", "five to eight", "nine or more"),
        answer=lambda found: _where(found, 1, 5, 9),
        because="The relation's own words stand in its prompts, and still most relations have no such neuron.",
    ),
    Prediction(
        id="p2",
        question=(
            "For each relation the best 154 of the 1,536 neurons (a tenth) are silenced. How much of its accuracy does "
            "that relation lose, on average over the twelve?"
        ),
        options=("under 10 %", "10 to 25 %", "25 to 50 %", "more than half"),
        answer=lambda found: _where(found, 0.10, 0.25, 0.50),
        because="The relations differ widely: look along the diagonal.",
    ),
    Prediction(
        id="p3",
        question=(
            "A neuron's output can also be taken at the last token alone. The neurons chosen so are worse "
            "classifiers. What does silencing them cost the relation, compared with those chosen by the mean?"
        ),
        options=("much less", "about as much", "much more"),
        answer=lambda found: _where(found, 0.75, 1.33),
        because="The mean looks where the words of the relation stand; the answer is made at the last token.",
    ),
    Prediction(
        id="p4",
        question=(
            "The model as it was when it still got some answers wrong. One relation's best neurons are silenced: in "
            "some of the 132 other cells accuracy rises. In how many, compared with sets drawn from the same modules?"
        ),
        options=("fewer", "about as many", "clearly more"),
        answer=lambda found: 0 if found[0] < found[1] else 2 if found[0] > found[2] else 1,
        because="With this many cells and 60 questions in each, some rise by luck. The paper drew no such band.",
    ),
)
