"""Ask a model questions, and score as the paper does: right if two greedily generated tokens begin the answer.

A pass over prompt + first right token gives both generated tokens of every right answer: where the first is wrong the
answer is wrong, whatever comes second. So one pass is enough.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from labkit.anatomy import in_eval_mode
from labkit.base.errors import BadInput
from labkit.measurements import Estimate, proportion

from ..task import Question
from .recording import by_length

if TYPE_CHECKING:
    from labkit.zoo import ModelLike

__all__ = ["Answers", "Quiz", "answers", "begins"]

TOKENS = 2  # how many are generated and compared


@dataclass(frozen=True)
class Answers:
    """What a model answered to `questions`, one number each.

    right: 1 where the two tokens generated begin the answer, else 0. log_probability: of these two tokens of the
    answer, in nats, the first given the prompt and the second given the first.
    """

    questions: tuple[Question, ...]
    right: np.ndarray
    log_probability: np.ndarray

    def of(self, relation: str) -> np.ndarray:
        """Return where the questions of a relation are [N], true or false."""
        return np.array([question.relation == relation for question in self.questions])

    def share(self, relation: str | None = None) -> Estimate:
        """Return the share of right answers with Wilson's interval, of one relation or of all."""
        rows = slice(None) if relation is None else self.of(relation)
        return proportion(self.right[rows].tolist(), name="right answers")

    def table(self) -> str:
        """Return the shares by relation as text."""
        names = dict.fromkeys(question.relation for question in self.questions)
        return "\n".join(f"{name:14} {self.share(name).value:.2f}" for name in names)


class Quiz:
    """Questions made ready for one model, to be asked again and again under edits."""

    def __init__(self, model: ModelLike, questions: Sequence[Question]):
        if not questions:
            raise BadInput("No questions were asked.", expected="at least one")
        self.model, self.questions = model, tuple(questions)
        self.prompts = [model.encode(question.prompt) for question in questions]
        self.targets = torch.stack([self._answer(question) for question in questions])
        rows = [torch.cat((ids, target[:-1])) for ids, target in zip(self.prompts, self.targets)]
        self.batches = by_length(rows)

    def answers(self) -> Answers:
        """Ask all questions of the model as it is now."""
        right_N = torch.zeros(len(self.questions))
        log_N = torch.zeros(len(self.questions), dtype=torch.float64)
        for rows, ids_BL in self.batches:
            logits_BTV = in_eval_mode(self.model, lambda module, ids=ids_BL: module(ids).logits[:, -TOKENS:])
            targets_BT = self.targets[rows]
            right_N[rows] = (logits_BTV.argmax(-1) == targets_BT).all(dim=1).float()
            log_BT = logits_BTV.double().log_softmax(-1).gather(2, targets_BT[..., None])[..., 0]
            log_N[rows] = log_BT.sum(dim=1)
        return Answers(self.questions, right_N.numpy(), log_N.numpy())

    def words_said(self) -> list[list[str]]:
        """Return the first two words that the model says to each prompt, whatever the answer is (greedy)."""
        return [self.model.pieces(ids) for ids in self._said(TOKENS)]

    def right_by_text(self, tokens: int = TOKENS, *, ignore_case: bool = False) -> np.ndarray:
        """Return 1 where the text of so many generated tokens begins the answer, else 0 [N]; see `begins`."""
        if isinstance(tokens, bool) or not isinstance(tokens, int) or tokens < 1:
            raise BadInput(f"tokens = {tokens!r}.", expected="a whole number from 1")
        pairs = zip(self._said(tokens), self.questions)
        return np.array([float(begins(self.model.decode(ids), q.answer, ignore_case=ignore_case)) for ids, q in pairs])

    def _said(self, tokens: int) -> list[list[int]]:
        said: list[list[int]] = [[] for _ in self.prompts]
        for rows, ids_BL in by_length(self.prompts):
            for _ in range(tokens):
                logits_BV = in_eval_mode(self.model, lambda module, ids=ids_BL: module(ids).logits[:, -1])
                ids_BL = torch.cat((ids_BL, logits_BV.argmax(-1, keepdim=True)), dim=1)
            for row, ids in zip(rows.tolist(), ids_BL[:, -tokens:].tolist()):
                said[row] = ids
        return said

    def _answer(self, question: Question) -> Tensor:
        if self.model.ours:
            ids = self.model.tokenizer.encode(question.answer)
        else:
            both = self.model.encode(f"{question.prompt} {question.answer}").tolist()
            ids = both[len(self.model.encode(question.prompt)) :]
        if len(ids) < TOKENS:
            raise BadInput(f"{question.answer!r} has fewer than {TOKENS} tokens.", expected="a longer answer")
        return torch.tensor(ids[:TOKENS])


def begins(said: str, answer: str, *, ignore_case: bool = False) -> bool:
    """Return whether what was said is a beginning of the answer; nothing is none.

    ignore_case: the paper's own example counts "Quarterback" for the answer "quarterback".
    """
    said, answer = (text.strip().casefold() if ignore_case else text.strip() for text in (said, answer))
    return bool(said) and answer.startswith(said)


def answers(model: ModelLike, questions: Sequence[Question]) -> Answers:
    """Return what `model` (a handle) answers to questions."""
    return Quiz(model, questions).answers()
