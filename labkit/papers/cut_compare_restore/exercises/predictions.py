"""The lesson's predictions: what is asked before anything runs, and why it turned out so."""

from collections.abc import Mapping
from typing import Any

from labkit.course import Prediction, lowest

__all__ = ["PREDICTIONS"]


def _where(leads: Mapping[str, Any]) -> int:
    """Return the option for the position at which a patch after the first block brings back most."""
    return {"the changed name": 0, "lantern?": 1, "the last word": 2}.get(max(leads, key=lambda at: leads[at][1]), 3)


PREDICTIONS = (
    Prediction(
        id="p1",
        question="One of these four parts is taken out. Which one costs most accuracy on “who has the lantern?”",
        options=(
            "the attention of the first block",
            "the MLP of the first block",
            "the attention of the last block",
            "the MLP of the last block",
        ),
        answer=lambda found: lowest(found.values()),
        because="The lowest of the four lines above.",
    ),
    Prediction(
        id="p2",
        question=(
            "You zero one random weight of the last block's down projection. How much does the loss change, typically?"
        ),
        options=(
            "by less than 0.0001 nats",
            "by about 0.001 nats",
            "by about 0.02 nats",
            "by more than 0.1 nats",
        ),
        answer=lambda change: sum(change >= edge for edge in (0.0003, 0.005, 0.05)),
        because="Most single weights are one voice among many.",
    ),
    Prediction(
        id="p3",
        question=(
            "The MLP of block 2 is the cheapest part: about 0.02 nats. Without it, how often does the"
            " model slip in its own stories?"
        ),
        options=(
            "as often as before",
            "about a tenth more often",
            "at least one and a half times as often",
            "less often",
        ),
        answer=lambda times: 3 if times < 0.95 else sum(times > edge for edge in (1.05, 1.5)),
    ),
    Prediction(
        id="d1",
        question=(
            "layers.3.mlp.down is 128 × 352. You zero its row 12 and let the model read a day. What falls silent?"
        ),
        options=(
            "neuron 12 of the last MLP",
            "channel 12 of what the last MLP writes to the stream",
            "channel 12 of the whole stream after the last block",
            "the twelfth word",
        ),
        answer=1,
        because="A row is one output. The rest of the stream's channel 12 came from other parts.",
    ),
    Prediction(
        id="d2",
        question=(
            "GPT-2 stores its up projection as [in, out]. Somebody who knows only Llama zeroes "
            "weight[12, 7] of the stored matrix, and means 'from input 7 to output 12'. Which "
            "connection is cut?"
        ),
        options=(
            "from input 7 to output 12",
            "from input 12 to output 7",
            "both of them",
            "none: it raises an error",
        ),
        answer=1,
        because="Nothing raises, nothing warns: the number is simply another one.",
    ),
    Prediction(
        id="d3",
        question=(
            "You leave out every sub-layer of both, one at a time, on the same days. Where the two "
            "sweeps differ most, by how much?"
        ),
        options=(
            "less than 0.0001 nats",
            "about 0.01 nats",
            "about 1 nat",
            "the second sweep fails: the names differ",
        ),
        answer=0,
        because="An address names what a weight does, not what a library calls it.",
    ),
    Prediction(
        id="d4",
        question=(
            "The model reads the twin, in which Edda got the lantern. After its first block you put "
            "back what the stream holds at one position when Odile got it. At which position does "
            "that change the answer to Odile?"
        ),
        options=(
            "at the changed name",
            "at the word lantern in the question",
            "at the last word",
            "at no single position",
        ),
        answer=_where,
        because="See block 0 in the picture.",
    ),
    Prediction(
        id="d5",
        question=(
            "Suppose a claim says 'below 1' with δ = 0.1, and a measurement gives 0.97 with the "
            "interval [0.91, 1.04]. What is the verdict?"
        ),
        options=(
            "direction",
            "absent here",
            "contradicted",
            "unresolved",
        ),
        answer=lambda ruling: ("direction", "absent here", "contradicted", "unresolved").index(ruling.word),
    ),
    Prediction(
        id="d6",
        question=(
            "A model of many blocks. The plain way runs the whole model once per sub-layer. With the "
            "clean streams kept, about how much of that work is left?"
        ),
        options=(
            "nine tenths",
            "a half",
            "a tenth",
            "one sub-layer's worth",
        ),
        answer=1,
        because="On average a cut lies in the middle: half of the blocks come after it.",
    ),
)
