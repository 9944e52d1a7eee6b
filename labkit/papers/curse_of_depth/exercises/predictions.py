"""The lesson's predictions: what is asked before anything runs, and why it turned out so."""

from labkit.course import Prediction

__all__ = ["PREDICTIONS"]

PREDICTIONS = (
    Prediction(
        id="p1",
        question="Scaling is switched on in lab/deep as it is, trained without. What becomes of its loss?",
        options=(
            "it falls",
            "it stays the same",
            "it rises by less than a half",
            "it more than doubles",
        ),
        because="It is another function now; from block 2 on, every part reads what it never read before.",
    ),
    Prediction(
        id="p2",
        question=(
            "Two untrained models of 24 blocks, with the same random weights. Whose last block turns the stream less?"
        ),
        options=(
            "that of Pre-LN",
            "that of the one with scaling",
            "both turn it alike",
        ),
    ),
    Prediction(
        id="p3",
        question=(
            "One model of each kind at each of six learning rates. At how many of the six is the scaled one better?"
        ),
        options=(
            "all six",
            "four or five",
            "two or three",
            "one or none",
        ),
    ),
    Prediction(
        id="p4",
        question="Over five pairs, at the end of training: which loss is lower?",
        options=(
            "that with scaling",
            "that of Pre-LN",
            "five pairs cannot tell",
        ),
    ),
    Prediction(
        id="p5",
        question="Which models have more idle blocks among their eight deep ones?",
        options=(
            "those of Pre-LN, as in the paper",
            "those with scaling",
            "five pairs cannot tell",
        ),
    ),
    Prediction(
        id="r1",
        question="A part of a model is left out and the loss hardly rises. What has been shown?",
        options=(
            "the part has learned nothing",
            "this model, on this text, can do without it",
            "the model is too deep",
            "the part can be left out of every model",
        ),
        answer=1,
        because="Another text, another seed or a second cut may say otherwise.",
    ),
    Prediction(
        id="r2",
        question="Every gain of a norm is halved. What is also halved?",
        options=(
            "the stream",
            "what the part after the norm reads",
            "the loss",
            "what the part after the norm writes",
        ),
        answer=1,
        because="What the part makes of it need not be half: a gate and a softmax are curves.",
    ),
    Prediction(
        id="d1",
        question="One of the six changes nothing at all, whatever the weights. Which?",
        options=(
            "in front of the norm",
            "after the branch",
            "attention alone",
            "after the sum",
        ),
        because="A norm divides by the size of what it reads.",
    ),
    Prediction(
        id="d2",
        question=("Untrained, 24 blocks: where does the gradient reach the first block as strongly as the last?"),
        options=(
            "Pre-LN",
            "Pre-LN with smaller outputs (GPT-2)",
            "LayerNorm Scaling",
        ),
        because="The nearest to 1 of the three.",
    ),
    Prediction(
        id="d3",
        question="After 240 steps: is the loss with scaling lower than that of Pre-LN?",
        options=(
            "lower by more than 0.05 nats",
            "within 0.05 nats",
            "higher by more than 0.05 nats",
        ),
    ),
    Prediction(
        id="d4",
        question=("One of its six blocks is left out. Without which one does a sentence's embedding turn furthest?"),
        options=(
            "the first",
            "one in the middle",
            "the last",
        ),
    ),
    Prediction(
        id="d5",
        question="After fine-tuning, over five pairs: to which kind is the right answer more probable?",
        options=(
            "to the one with scaling",
            "to Pre-LN",
            "five pairs cannot tell",
        ),
    ),
)
