"""What is asked of the logits: one score per document, and how scores become a number with an interval.

A measure is a small frozen object, so that `loss`, `choice_accuracy` and a sweep ask exactly the same question.
Write your own with the same four attributes and two methods, and a sweep will take it.
Shapes: B documents of equal length, L tokens, V vocabulary.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol

import torch
from torch import Tensor, nn

from labkit.anatomy import quietly

from .runs import Batch, batches, forward

__all__ = ["ChoiceMeasure", "KLMeasure", "LossMeasure", "Measure", "divergence", "scores", "token_losses"]

TIE = 1e-4  # nats: options closer than this are told apart only by rounding


class Measure(Protocol):
    """What a sweep needs to know of a measure."""

    name: str
    unit: str
    over: str  # the units of the interval: documents, questions
    needs_intact: bool  # whether `score` compares with the intact model's logits

    def score(self, logits_BLV: Tensor, batch: Batch, intact_BLV: Tensor | None) -> list[float]:
        """Return one number per document of the batch."""

    def fold(self, scores: Sequence[float], lengths: Sequence[int]) -> tuple[list[float], list[float]]:
        """Return (one value per unit, its weight) from the scores and lengths of all documents."""


@dataclass(frozen=True)
class LossMeasure:
    """Surprise at each next token in nats, averaged over a document; documents weigh by their scored tokens."""

    name: ClassVar[str] = "loss"
    unit: ClassVar[str] = "nats/token"
    over: ClassVar[str] = "documents"
    needs_intact: ClassVar[bool] = False

    def score(self, logits_BLV: Tensor, batch: Batch, intact_BLV: Tensor | None = None) -> list[float]:
        return token_losses(logits_BLV, batch.ids_BL).mean(dim=1).tolist()

    def fold(self, scores: Sequence[float], lengths: Sequence[int]) -> tuple[list[float], list[float]]:
        return list(scores), [length - 1 for length in lengths]


@dataclass(frozen=True)
class KLMeasure:
    """KL(intact || cut) of the next-token distributions, averaged over every position of a document."""

    name: ClassVar[str] = "KL"
    unit: ClassVar[str] = "nats/position"
    over: ClassVar[str] = "documents"
    needs_intact: ClassVar[bool] = True

    def score(self, logits_BLV: Tensor, batch: Batch, intact_BLV: Tensor | None) -> list[float]:
        return divergence(intact_BLV, logits_BLV).mean(dim=-1).tolist()

    def fold(self, scores: Sequence[float], lengths: Sequence[int]) -> tuple[list[float], list[float]]:
        return list(scores), list(lengths)


@dataclass(frozen=True)
class ChoiceMeasure:
    """Whether the right option of each question is the most probable one; see `choice_accuracy`.

    Its documents are `measure.documents`, one per option: the prompt followed by the option.
    """

    questions: tuple = field(repr=False)
    per_token: bool = False
    unit: ClassVar[str] = "share"
    over: ClassVar[str] = "questions"
    needs_intact: ClassVar[bool] = False

    @property
    def name(self) -> str:
        """Name with a fingerprint of the questions, so that a stored sweep knows which ones were asked."""
        digest = hashlib.sha256(repr((self.questions, self.per_token)).encode()).hexdigest()[:8]
        return f"choice accuracy {digest}"

    @property
    def documents(self) -> list[list[int]]:
        """Every prompt with every one of its options, in order."""
        return [[*question.prompt, *option] for question in self.questions for option in question.options]

    @property
    def option_lengths(self) -> list[int]:
        """Tokens of each option, in the order of `documents`."""
        return [len(option) for question in self.questions for option in question.options]

    def score(self, logits_BLV: Tensor, batch: Batch, intact_BLV: Tensor | None = None) -> list[float]:
        """Return the log-probability of each option given its prompt (the mean per token if `per_token`)."""
        losses, lengths = token_losses(logits_BLV, batch.ids_BL), self.option_lengths
        sums = [-float(row[-lengths[i] :].sum()) for row, i in zip(losses, batch.index)]
        return [total / lengths[i] for total, i in zip(sums, batch.index)] if self.per_token else sums

    def fold(self, scores: Sequence[float], lengths: Sequence[int]) -> tuple[list[float], list[float]]:
        right, start = [], 0
        for question in self.questions:
            options = scores[start : start + len(question.options)]
            start += len(question.options)
            best = [number for number, value in enumerate(options) if value >= max(options) - TIE]
            right.append(1 / len(best) if question.answer in best else 0.0)
        return right, [1] * len(right)


def token_losses(logits_BLV: Tensor, ids_BL: Tensor) -> Tensor:
    """Return -log p(token t | tokens before t) for t = 1..L-1 as [B, L-1], float64 on the CPU."""
    rows = []
    for logits_LV, ids_L in zip(logits_BLV[:, :-1], ids_BL[:, 1:]):  # row by row: softmax needs a copy of what it sees
        chosen_L = logits_LV.gather(-1, ids_L[:, None]).squeeze(-1)
        rows.append((logits_LV.logsumexp(dim=-1) - chosen_L).cpu().double())
    return torch.stack(rows)


def divergence(intact_LV: Tensor, cut_LV: Tensor) -> Tensor:
    """Return KL(intact || cut) in nats at every position: logits [..., L, V] to [..., L], float64 on the CPU.

    Rounding can make a KL of zero come out as minus a few 1e-8; it is then set to 0.
    """
    log_p, log_q = intact_LV.float().log_softmax(dim=-1), cut_LV.float().log_softmax(dim=-1)
    return (log_p.exp() * (log_p - log_q)).sum(dim=-1).cpu().double().clamp_min(0.0)


def scores(model: Any, documents: Sequence[Tensor], measure: Measure) -> list[float]:
    """Run the model over checked documents once and return the measure's score of each."""
    found = [0.0] * len(documents)

    def work(module: nn.Module) -> None:
        for batch in batches(model, documents):
            for place, score in zip(batch.index, measure.score(forward(module, batch.ids_BL), batch, None)):
                found[place] = score

    quietly(model, work)
    return found
