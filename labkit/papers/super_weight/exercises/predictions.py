"""The lesson's predictions: what is asked before anything runs, and why it turned out so."""

from collections.abc import Mapping
from itertools import pairwise

from labkit.course import Prediction, lowest

__all__ = ["PREDICTIONS"]


def _where_it_pays(words: Mapping[float, str]) -> int:
    """Return the option for what was found at each clip, in order."""
    pays = [words[clip] == "pays" for clip in sorted(words)]
    if len(set(pays)) == 1:
        return 0 if pays[0] else 4
    turns = sum(one != next_one for one, next_one in pairwise(pays))
    return 3 if turns > 1 else 1 if pays[0] else 2


_REPLACED = ("zero", "the mean over all tokens", "its value in another story")

PREDICTIONS = (
    Prediction(
        id="p1",
        question="You may set one of these five numbers to zero. With which one gone does the encoder find fewest "
        "sentences?",
        options=(
            "the largest weight of one down projection",
            "the largest gain of the norm after it",
            "a small gain of the same norm",
            "the gain beside it",
            "a weight drawn at random",
        ),
        answer=lambda found: lowest(found.values()),
    ),
    Prediction(
        id="p3",
        question="The suspect is set to zero. How many times as large is the perplexity of stories then?",
        options=(
            "1.0 times: nothing happens",
            "about 1.1 times",
            "about 10 times",
            "about 1,000 times",
        ),
        answer=lambda times: sum(times >= edge for edge in (1.05, 3, 100)),
    ),
    Prediction(
        id="p4",
        question=(
            "The down projections of the planted model are rounded to 3 bits. Clipping with the one weight kept is"
            " compared with plain rounding, clipped at 3, 4, 5, 6, 9, 11, 12 and 20 standard deviations. Where does it"
            " pay?"
        ),
        options=(
            "at all eight: the weight is what matters",
            "near the middle only, up to some distance",
            "far out only, from some distance on",
            "here and there, in no order",
            "nowhere",
        ),
        answer=_where_it_pays,
        because="The verdict changes from one distance to the next. The cells below look for the reason.",
    ),
    Prediction(
        id="r1",
        question=(
            "Zeroing one chosen weight raises the loss by 0.02 nats. What do you need before you call that much?"
        ),
        options=(
            "the same number on a larger model",
            "the change by other weights of the same matrix",
            "the size of the weight",
            "the loss before the cut",
        ),
        answer=1,
        because="A number means something only beside its matched control.",
    ),
    Prediction(
        id="r2",
        question="An MLP is dropped. What does the residual stream do at that place?",
        options=(
            "it becomes zero",
            "it goes past unchanged",
            "it is averaged",
            "it is normed once more",
        ),
        answer=1,
        because="Every part only adds to the stream; a part that is missing adds nothing.",
    ),
    Prediction(
        id="d1",
        question=(
            "In Llama-7B, zero takes the mean of seven tasks from 70 to 35 points. Where is it at half of the weight?"
        ),
        options=(
            "about 36: nearly all is lost",
            "about 53: half is lost",
            "about 69: hardly anything is lost",
        ),
        answer=2,
        because="The paper's Figure 6 has 69.2 points at a factor of 0.5, and 64.2 still at 0.2.",
    ),
    Prediction(
        id="d2",
        question="Which of these three replacements costs the model nothing?",
        options=_REPLACED,
        answer=lambda costs: min(range(3), key=lambda place: abs(costs[_REPLACED[place]])),
    ),
    Prediction(
        id="d3",
        question=(
            "At the end of training the loudest entry that a down projection of lab/deep writes is "
            "over a hundred times what it was at the beginning. What does it cost to take its weight "
            "away at the end?"
        ),
        options=(
            "less than 0.1 percent of perplexity",
            "about 1 percent",
            "about 10 percent",
            "more than half",
        ),
        answer=lambda percent: sum(percent >= edge for edge in (0.3, 3, 30)),
    ),
    Prediction(
        id="d4",
        question=(
            "How long is the first token's value in that block, divided by the mean length of the other tokens' values?"
        ),
        options=("below 0.5: drained", "about 1: like the others", "above 2: longer"),
        answer=lambda times: sum(times >= edge for edge in (0.7, 1.5)),
    ),
)
