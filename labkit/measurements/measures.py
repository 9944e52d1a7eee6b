"""What is asked of the logits: one score per document, and how scores become a number with an interval.

A measure is a small frozen object, so that `loss`, `choice_accuracy` and a sweep ask exactly the same question.
Write your own with the same four attributes and two methods, and a sweep will take it.
Shapes: B documents of equal length, L tokens, V vocabulary.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, Protocol

import torch
from torch import Tensor, nn

from labkit.anatomy import in_eval_mode
from labkit.base.errors import BadInput

from .runs import Batch, batches, forward

if TYPE_CHECKING:
    from labkit.zoo import ModelLike

__all__ = ["ChoiceMeasure", "KLMeasure", "LossMeasure", "Measure", "divergence", "scores", "token_losses"]

TIE = 1e-4  # nats: options closer than this are told apart only by rounding


class Measure(Protocol):
    """What a sweep needs to know of a measure."""

    @property
    def name(self) -> str: ...
    @property
    def unit(self) -> str: ...
    @property
    def over(self) -> str:
        """The units of the interval: documents, questions."""

    @property
    def needs_intact(self) -> bool:
        """Whether `score` compares with the intact model's logits."""

    def score(self, logits_BLV: Tensor, batch: Batch, intact_BLV: Tensor | None) -> list[Any]:
        """Return one score per document of the batch: a number, or what else `fold` understands."""

    def fold(self, scores: Sequence[Any], lengths: Sequence[int]) -> tuple[list[float], list[float]]:
        """Return (one value per unit, its weight) from the scores and lengths of all documents."""


@dataclass(frozen=True)
class LossMeasure:
    """Cross-entropy at each next token in nats, averaged over a document; documents weigh by their scored tokens."""

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

    Its documents are `measure.documents`: each question's prompt, read once for all options of one token, and once
    for each different way in which longer options begin.
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
        """The texts to read, in order of the questions; an option's last token is scored, never read."""
        return [list(reading.text) for reading in self._readings]

    @cached_property
    def _readings(self) -> list[Reading]:
        return [reading for place, question in enumerate(self.questions) for reading in _readings(place, question)]

    def score(self, logits_BLV: Tensor, batch: Batch, intact_BLV: Tensor | None = None) -> list[tuple[float, ...]]:
        """Return for each document the log-probabilities of its options (the mean per token if `per_token`)."""
        return [self._scores(self._readings[i], logits_LV) for logits_LV, i in zip(logits_BLV, batch.index)]

    def by_question(self, scores: Sequence[Sequence[float]]) -> list[list[float]]:
        """Return the options' log-probabilities, question by question in the order they are offered."""
        found = [[0.0] * len(question.options) for question in self.questions]
        for reading, values in zip(self._readings, scores):
            for option, value in zip(reading.options, values):
                found[reading.question][option] = value
        return found

    def fold(self, scores: Sequence[Sequence[float]], lengths: Sequence[int]) -> tuple[list[float], list[float]]:
        right = []
        for question, options in zip(self.questions, self.by_question(scores)):
            best = [number for number, value in enumerate(options) if value >= max(options) - TIE]
            if any(map(math.isnan, options)):  # a cut that overflows has no answers
                right.append(math.nan)
                continue
            right.append(1 / len(best) if question.answer in best else 0.0)
        return right, [1] * len(right)

    def _scores(self, reading: Reading, logits_LV: Tensor) -> tuple[float, ...]:
        question = self.questions[reading.question]
        logits_KV = logits_LV[len(question.prompt) - 1 :]  # K: where options are scored
        totals_K, found = logits_KV.logsumexp(dim=-1), []
        for option in (question.options[number] for number in reading.options):
            if not 0 <= min(option) <= max(option) < logits_KV.shape[1]:
                raise BadInput(
                    f"An option holds token ids from {min(option)} to {max(option)}.",
                    expected=f"ids from 0 to {logits_KV.shape[1] - 1}",
                    do="encode the question with this model's own tokenizer",
                )
            chosen = logits_KV[range(len(option)), list(option)] - totals_K[: len(option)]
            found.append(float(chosen.double().sum()) / (len(option) if self.per_token else 1))
        return tuple(found)


class Reading(NamedTuple):
    """A text that is read once, and which options of which question are scored in it."""

    text: tuple[int, ...]
    question: int
    options: list[int]


def _readings(place: int, question: Any) -> list[Reading]:
    """Return what must be read of a question: a text that begins another is read with it."""
    readings: list[Reading] = []
    for number, option in sorted(enumerate(question.options), key=lambda one: -len(one[1])):
        text = (*question.prompt, *option[:-1])
        for reading in readings:
            if reading.text[: len(text)] == text:
                reading.options.append(number)
                break
        else:
            readings.append(Reading(text, place, [number]))
    return readings


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


def scores(model: ModelLike, documents: Sequence[Tensor], measure: Measure) -> list[Any]:
    """Run the model over checked documents once and return the measure's score of each."""
    found: list[Any] = [0.0] * len(documents)

    def work(module: nn.Module) -> None:
        for batch in batches(model, documents):
            for place, score in zip(batch.index, measure.score(forward(module, batch.ids_BL), batch, None)):
                found[place] = score

    in_eval_mode(model, work)
    return found
