"""The lesson's predictions: what is asked before anything runs, what decides it, and why it turned out so."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from labkit.course import Prediction

__all__ = ["PREDICTIONS"]


def _side(interval: Any) -> int:
    """Return 0 for an interval below 0, 1 for one above, 2 for one that holds it."""
    return 0 if interval.high < 0 else 1 if interval.low > 0 else 2


def lowest_arms(losses: Mapping[str, Sequence[float]]) -> tuple[int, ...]:
    """Return the places of the arm with the lowest mean loss and of all that five pairs cannot tell from it."""
    from labkit.measurements import mean_over

    arms = list(losses.values())
    best = min(arms, key=sum)

    def apart(arm: Sequence[float]) -> bool:
        return mean_over([a - b for a, b in zip(arm, best)], "seeds", method="t").low > 0

    return tuple(place for place, arm in enumerate(arms) if arm is best or not apart(arm))


def _furthest(points: Sequence[Any]) -> tuple[int, ...]:
    """Return first, middle or last for the block with the largest change, and for all whose intervals meet its own."""
    top = max(points, key=lambda point: point.change.value)
    near = [place for place, point in enumerate(points) if point.change.high >= top.change.low]
    return tuple(sorted({0 if place == 0 else 2 if place == len(points) - 1 else 1 for place in near}))


PREDICTIONS = (
    Prediction(
        id="p1",
        question="Scaling is switched on in lab/deep as it is, trained without. What becomes of its loss?",
        options=(
            "it falls",
            "it stays the same",
            "it rises, to less than twice as much",
            "it more than doubles",
        ),
        answer=lambda times: 0 if times < 0.98 else 1 if times < 1.02 else 2 if times < 2 else 3,
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
        answer=lambda times: 0 if times > 1.05 else 1 if times < 0.95 else 2,
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
        answer=lambda better: (3, 3, 2, 2, 1, 1, 0)[better],
    ),
    Prediction(
        id="p4",
        question="Over five pairs, at the end of training: which loss is lower?",
        options=(
            "that with scaling",
            "that of Pre-LN",
            "five pairs cannot tell",
        ),
        answer=_side,
    ),
    Prediction(
        id="p5",
        question=(
            "In the paper about half of a large model's layers are nearly idle. Of the sixteen blocks of our Pre-LN "
            "models, averaged over five seeds, how many are?"
        ),
        options=(
            "less than one",
            "one to four",
            "about eight",
            "twelve or more",
        ),
        answer=lambda idle: 0 if idle < 1 else 1 if idle <= 4.5 else 2 if idle < 12 else 3,
    ),
    Prediction(
        id="p6",
        question=(
            "Three ways to begin, one learning rate for all, a short training, five seeds. Which ends with the lowest "
            "loss on unseen stories?"
        ),
        options=(
            "plain Pre-LN",
            "Pre-LN with smaller first values",
            "LayerNorm Scaling",
        ),
        answer=lowest_arms,
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
        question="One of these changes nothing at all, whatever the weights. Which?",
        options=(
            "before the norm",
            "after the branch",
            "after the norm of attention alone",
            "after the sum",
        ),
        answer=lambda moved: {"before-norm": 0, "after-branch": 1, "attention": 2}.get(min(moved, key=moved.get), 3),
        because="A norm divides by the size of what it reads.",
    ),
    Prediction(
        id="d2",
        question="Untrained, 24 blocks: in which is the gradient at the first block most nearly that at the last?",
        options=(
            "Pre-LN",
            "Pre-LN with smaller first values (GPT-2)",
            "LayerNorm Scaling",
        ),
        answer=lambda gradients: min(range(3), key=lambda place: abs(gradients[place] - 1)),
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
        answer=lambda gap: 0 if gap < -0.05 else 1 if gap <= 0.05 else 2,
    ),
    Prediction(
        id="d4",
        question="One of its six blocks is left out. Without which one does a sentence's embedding turn furthest?",
        options=(
            "the first",
            "one in the middle",
            "the last",
        ),
        answer=_furthest,
    ),
    Prediction(
        id="d5",
        question="After fine-tuning, over five pairs: to which kind is the right answer more probable?",
        options=(
            "to the one with scaling",
            "to Pre-LN",
            "five pairs cannot tell",
        ),
        answer=_side,
    ),
    Prediction(
        id="d6",
        question="Two neighbouring blocks of lab/deep change places. Beside losing one block for good, this costs",
        options=(
            "more",
            "about as much",
            "less than a fifth",
        ),
        answer=lambda share: 2 if share < 0.2 else 1 if share < 1.5 else 0,
        because="Each adds to the stream nearly the same, whichever of the two has added first.",
    ),
)
