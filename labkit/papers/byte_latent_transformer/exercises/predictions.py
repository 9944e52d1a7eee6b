"""What the reader is asked before anything runs."""

from __future__ import annotations

from labkit.course.questions import Prediction

__all__ = ["PREDICTIONS"]

PREDICTIONS = (
    Prediction(
        id="r1",
        question="Position t of a causal language model predicts token t + 1. Which tokens may it have read?",
        options=("those before t", "those up to and with t", "those up to and with t + 1", "all but t + 1"),
        answer=1,
        because="Today the question comes back for patches: a patch holds bytes that position t has not read yet.",
    ),
    Prediction(
        id="r2",
        question="Two ways of training differ by 0.02 nats over five pairs; the interval holds 0. What follows?",
        options=("the lower one is better", "they are equal", "neither can be said from these pairs"),
        answer=2,
        because="An interval that holds 0 is no proof of equality either, unless all of it is too small to matter.",
    ),
    Prediction(
        id="p1",
        question="The text grows by one letter. Under which rule may an earlier boundary move?",
        options=("every 4.5 bytes", "spaces", "BPE tokens", "an entropy threshold"),
        answer=2,
        because="A letter can join earlier ones to a longer token. The other three look back only.",
    ),
    Prediction(
        id="p2",
        question="In our model, patches of 9 bytes instead of 4.5: what does a byte cost?",
        options=("about a quarter", "about half", "about three quarters to nine tenths", "as much as before"),
        answer=lambda ratio: 0 if ratio < 0.375 else 1 if ratio < 0.65 else 2 if ratio < 0.95 else 3,
        because="The local models run at every byte, and in a model as small as ours they are most of the work.",
    ),
    Prediction(
        id="p3",
        question="At equal operations a byte, who needs fewer bits per byte on unseen pages of the islands?",
        options=("the BLT", "the BPE model", "no telling from five pairs"),
        answer=lambda gap: 0 if gap.high < 0 else 1 if gap.low > 0 else 2,
        because="For the tokenizer every word of the islands is one token: it starts with a dictionary.",
    ),
    Prediction(
        id="p4",
        question="Letters are dropped, doubled, shouted. Who loses more of its right answers?",
        options=("the BLT", "the BPE model", "no telling from five pairs"),
        answer=lambda gap: 0 if gap.low > 0 else 1 if gap.high < 0 else 2,
        because="In the paper BLT lost 16 points of HellaSwag to noise, its BPE twin 22. Here BPE had more to lose.",
    ),
)
