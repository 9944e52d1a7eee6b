"""What the hour asks before it measures."""

from __future__ import annotations

from labkit.course import Prediction

__all__ = ["PREDICTIONS"]


def _by_size(change: float) -> int:
    """Return the place of a loss change among: nothing, under 0.1, 0.1 to 1, over 1."""
    return 0 if abs(change) < 1e-3 else 1 if change < 0.1 else 2 if change < 1 else 3


def _lowest(losses: dict[str, float]) -> tuple[int, ...]:
    """Return the places of the lowest losses among those asked about; within 0.005 nats a token they tie."""
    asked = [losses[name] for name in ("zero keys, τ fixed", "random keys, τ live", "duplicates", "not grown")]
    return tuple(place for place, loss in enumerate(asked) if loss < min(asked) + 0.005)


def _rises_more(bumps: dict[str, float]) -> int:
    """Return the place of the higher rise of the two asked about; within 0.02 nats a token they are the same."""
    carried, reset = bumps["grown, memory carried"], bumps["not grown, memory reset"]
    return 2 if abs(carried - reset) < 0.02 else int(reset > carried)


PREDICTIONS = (
    Prediction(
        id="r1",
        question="An edit is undone and the loss is back to what it was. What else must be back?",
        options=("nothing", "every weight, bit for bit", "the gradients", "the tokenizer"),
        answer=1,
        because="A loss can be right by chance; lesson 00 compared fingerprints of all weights.",
    ),
    Prediction(
        id="r2",
        question="Two ways of training differ by 0.02 nats in one run each. What would you ask for?",
        options=("a longer run", "more seeds, compared in pairs", "a larger model", "nothing, 0.02 is enough"),
        answer=1,
        because="Lesson 08: two runs always differ. Whether the ways differ is a question for several pairs.",
    ),
    Prediction(
        id="p1",
        question=(
            "A token with a zero key and a random value is appended to a layer. Which Θ leaves the output as it was?"
        ),
        options=("softmax", "GeLU after an L2 norm, τ kept", "both", "neither: one more token must change the sum"),
        answer=1,
        because="exp(0) is 1, so softmax gives the newcomer a share. GeLU(0) is 0; a zero adds nothing to a length.",
    ),
    Prediction(
        id="p2",
        question=(
            "The model grows from 36 to 144 tokens in each of q, k, v and o, with zero keys. τ = √n is live, as in the "
            "released code. What happens to its loss at once?"
        ),
        options=("nothing", "it rises by less than 0.1", "it rises by 0.1 to 1", "it rises by more than 1"),
        answer=_by_size,
        because="Every normed score is multiplied by √(144/36) = 2, in every layer.",
    ),
    Prediction(
        id="p3",
        question="After the first 40 steps of training, which of these has the lowest loss?",
        options=("zero keys, τ fixed", "random keys, τ live", "duplicates", "the one that was not grown"),
        answer=_lowest,
        because="Growth gives room; using it takes longer than these few steps.",
    ),
    Prediction(
        id="p4",
        question="Two models in the middle of training. Which loss rises more?",
        options=(
            "that of the one that grows, its optimiser keeping its memory",
            "that of the one that does not grow, its optimiser losing its memory",
            "both about the same",
        ),
        answer=_rises_more,
        because="Without memory the first steps are as long as the rate allows, in whatever direction one batch says.",
    ),
    Prediction(
        id="p5",
        question=(
            "A large Transformer, trained from scratch, gets as many FLOPs as source and growth took together. "
            "The TokenFormer grew by random keys, as the paper's did. Whose loss is lower?"
        ),
        options=("the grown TokenFormer's", "the Transformer's", "no telling from five pairs"),
        answer=lambda gap: 0 if gap.high < 0 else 1 if gap.low > 0 else 2,
        because="The comparison in the paper that favours growth most leaves the cost of the source out.",
    ),
)
