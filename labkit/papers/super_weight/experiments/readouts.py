"""What is read off a model while one of its weights is another: next words of a decoder, likeness of an encoder."""

from __future__ import annotations

from typing import Any, ClassVar, Protocol

import torch
from torch import Tensor

from labkit import world
from labkit.anatomy import in_eval_mode
from labkit.interventions import Plan, edit
from labkit.measurements.measures import LossMeasure, token_losses
from labkit.measurements.readings import GO_ON, MOST_PROBABLE, candidates, first_pieces, readable
from labkit.measurements.runs import forward
from labkit.sweeps.engine import Engine
from labkit.sweeps.reach import first_touched
from labkit.sweeps.run import MEMORY

__all__ = ["Decoding", "Encoding", "Readout", "readout_for"]

OTHERS = (  # of one length, so that one pass reads them all
    "The ferry left the island in the morning.",
    "She gave the old lantern to her brother.",
    "The doctor told the goat to walk more.",
    "Eleven gulls sat on the school roof.",
)
_STOPS = (".", "?", "!", '"')  # after one of these a new sentence begins, not an answer


class Readout(Protocol):
    """A model with one text in front of it; what can be read off it (`labels`) is known after the first look."""

    unit: str
    reads: str
    labels: tuple[str, ...]
    unseen: tuple[str, ...]

    intact: tuple[float, ...]

    def look(self) -> tuple[float, tuple[float, ...]]:
        """Return how far the model as it now is has moved, in `unit`, and what is read off it: 0 to 1 per label."""

    def moved(self, plan: Plan) -> float:
        """Return how far the model moves under a plan, in `unit`."""


class Decoding:
    """A causal language model: the next word, and how far the loss on the text moves."""

    unit: ClassVar[str] = "nats a token"
    reads: ClassVar[str] = "probability of being the next word"

    def __init__(self, handle: Any, text: str, fingerprint: str):
        self.handle, self.text, self.ids_L = handle, text, readable(handle, text, GO_ON)
        finished = text.rstrip().endswith(_STOPS)
        self.words, self.first, self.labels = () if finished else candidates(text), [], ()
        self.unseen = tuple(world.unknown_words(text)) if handle.ours else ()
        # The streams of the intact model are kept: a weight of layer 4 leaves what lies in front of it as it is.
        self.engine = Engine(handle, [self.ids_L], LossMeasure())
        starts = range(self.engine.prefix.end + 1)
        self.loss = self._mean(in_eval_mode(handle, lambda _: self.engine.prepare(starts, fingerprint, MEMORY)))
        self.seen, self.intact = self._look()  # the same loss from a plain pass, for what is looked at so

    def look(self) -> tuple[float, tuple[float, ...]]:
        seen, read = self._look()
        return abs(seen - self.seen), read

    def _look(self) -> tuple[float, tuple[float, ...]]:
        """Return the mean loss on the text, and the probabilities read off."""
        logits_BLV = self._logits()
        losses_BL = token_losses(logits_BLV, self.ids_L[None])
        next_V = logits_BLV[0, -1].softmax(-1)
        if not self.first:
            self._choose(next_V)
        return float(losses_BL.mean()), tuple(next_V[self.first].tolist())

    def moved(self, plan: Plan) -> float:
        first = first_touched(self.handle, plan)
        scores = in_eval_mode(self.handle, lambda _: self.engine.scores(plan, first, lambda: False))
        return abs(self._mean(scores) - self.loss)

    def _mean(self, scores: list[float]) -> float:
        return self.engine.measure.fold(scores, [len(self.ids_L)])[0][0]

    def _logits(self) -> Tensor:
        return in_eval_mode(self.handle, lambda module: forward(module, self.ids_L[None]))

    def _choose(self, next_V: Tensor) -> None:
        """Choose what to read off: the text's own answers where its last sentence asks for one, else the likeliest."""
        words = self.words
        self.first = (
            first_pieces(self.handle, self.text, words) if words else next_V.topk(MOST_PROBABLE).indices.tolist()
        )
        self.labels = tuple(word.strip() for word in self.words or self.handle.pieces(self.first))


class Encoding:
    """A sentence encoder: cosines with four other sentences, and how far the sentence's own embedding turns."""

    unit: ClassVar[str] = "1 − cosine with itself"
    reads: ClassVar[str] = "cosine with the sentence"
    labels: ClassVar[tuple[str, ...]] = OTHERS
    unseen: ClassVar[tuple[str, ...]] = ()

    def __init__(self, handle: Any, text: str):
        self.handle, self.text = handle, text
        self.own_E = self._place()
        _, self.intact = self.look()

    @torch.no_grad()
    def look(self) -> tuple[float, tuple[float, ...]]:
        own_E, others_BE = self._place(), self.handle.embed(OTHERS)
        return self._apart(own_E), tuple((others_BE @ own_E).clamp(0, 1).tolist())

    def moved(self, plan: Plan) -> float:
        with edit(self.handle, plan):
            return self._apart(self._place())

    @torch.no_grad()
    def _place(self) -> Tensor:
        """Return the text's embedding [E], of length 1."""
        return self.handle.embed([self.text])[0]

    def _apart(self, after_E: Tensor) -> float:
        return max(0.0, 1 - float(self.own_E @ after_E))


def readout_for(handle: Any, text: str, fingerprint: str) -> Readout:
    """Return the model, intact and known by its fingerprint, with a text in front of it.

    It is read by its next words, or by its embeddings where it makes those.
    """
    return Encoding(handle, text) if hasattr(handle, "embed") else Decoding(handle, text, fingerprint)
