"""The lesson's predictions: what is asked before anything runs, and why it turned out so."""

from labkit.course import Prediction

__all__ = ["PREDICTIONS"]

PREDICTIONS = (
    Prediction(
        id="p3",
        question="The suspect is set to zero. How many times as large is the perplexity of stories then?",
        options=(
            "1.0 times: nothing happens",
            "about 1.1 times",
            "about 10 times",
            "about 1,000 times",
        ),
    ),
    Prediction(
        id="p4",
        question="The down projections of the planted model are rounded to 4 bits. Which way costs least?",
        options=(
            "round all",
            "clip, then round all",
            "keep the one weight, round the rest",
            "keep the one weight, clip and round the rest",
        ),
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
    ),
)
