"""What is read off a model while one of its weights is another: next words of a decoder, likeness of an encoder."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Protocol

import torch
from torch import Tensor, nn

from labkit import world
from labkit.anatomy import quietly
from labkit.interventions import Edit, edit
from labkit.panels.cut.data import GO_ON, MOST_PROBABLE, candidates
from labkit.panels.cut.reading import first_pieces, readable
from labkit.sweeps import sweep

__all__ = ["Decoding", "Encoding", "Patient", "patient_for"]

OTHERS = (  # of one length, so that one pass reads them all
    "The ferry left the island in the morning.",
    "She gave the old lantern to her brother.",
    "The doctor told the goat to walk more.",
    "Eleven gulls sat on the school roof.",
)


class Patient(Protocol):
    """A model with one text in front of it."""

    unit: str
    reads: str
    labels: tuple[str, ...]
    unseen: tuple[str, ...]

    def look(self) -> tuple[float, ...]:
        """Return what is read off the model as it now is, one value from 0 to 1 per label."""

    def changes(self, edits: Sequence[Edit]) -> list[float]:
        """Return how far each edit alone moves the model, in `unit`."""


class Decoding:
    """A causal language model: the next word, and how far the surprise at the text moves."""

    unit: ClassVar[str] = "nats a token"
    reads: ClassVar[str] = "probability of being the next word"

    def __init__(self, handle: Any, text: str):
        self.handle, self.ids_L = handle, readable(handle, text, GO_ON)
        words = candidates(text)
        self.first = first_pieces(handle, text, words) if words else self._likeliest()
        self.labels = tuple(word.strip() for word in words or handle.pieces(self.first))
        self.unseen = tuple(world.unknown_words(text)) if handle.ours else ()

    def look(self) -> tuple[float, ...]:
        return tuple(self._next()[self.first].tolist())

    def changes(self, edits: Sequence[Edit]) -> list[float]:
        swept = sweep(self.handle, edits, [self.ids_L])
        return [abs(swept[one].change.value) for one in edits]

    def _next(self) -> Tensor:
        def work(module: nn.Module) -> Tensor:
            return module(self.ids_L[None].to(next(module.parameters()).device)).logits[0, -1].float().softmax(-1)

        return quietly(self.handle, work)

    def _likeliest(self) -> list[int]:
        return self._next().topk(MOST_PROBABLE).indices.tolist()


class Encoding:
    """A sentence encoder: cosines with four other sentences, and how far the sentence's own embedding turns."""

    unit: ClassVar[str] = "1 − cosine with itself"
    reads: ClassVar[str] = "cosine with the sentence"
    unseen: ClassVar[tuple[str, ...]] = ()

    def __init__(self, handle: Any, text: str):
        self.handle, self.text = handle, text
        self.labels = OTHERS
        self.clean_E = self._embed([text])[0]

    def look(self) -> tuple[float, ...]:
        own_E, others_BE = self._embed([self.text])[0], self._embed(OTHERS)
        return tuple((others_BE @ own_E).clamp(0, 1).tolist())

    def changes(self, edits: Sequence[Edit]) -> list[float]:
        return [self._turned(one) for one in edits]

    def _turned(self, one: Edit) -> float:
        with edit(self.handle, one):
            now_E = self._embed([self.text])[0]
        return max(0.0, 1 - float(now_E @ self.clean_E))

    @torch.no_grad()
    def _embed(self, texts: Sequence[str]) -> Tensor:
        return self.handle.embed(texts)


def patient_for(handle: Any, text: str) -> Patient:
    """Return the model with a text in front of it: by its next words, or by its embeddings where it makes those."""
    return Encoding(handle, text) if hasattr(handle, "embed") else Decoding(handle, text)
