"""Strip the text: what is still answered when articles, punctuation or stop words are gone, and when others are.

One number a passage: the share of its questions answered right, by the most likely of four single-token options.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from labkit.anatomy import quietly
from labkit.base.errors import BadInput
from labkit.measurements import Estimate, difference, mean_over
from labkit.measurements.tables import text_table

from ..task.passages import Passage, body_of

__all__ = ["Stripped", "strip_text"]

ROWS = 64


@dataclass(frozen=True)
class Stripped:
    """Accuracy under each condition, one value a passage; `removed` is the mean number of tokens taken out."""

    model: str
    accuracy: dict[str, Estimate]
    removed: dict[str, float]
    chance: float

    def change(self, condition: str, against: str = "intact") -> Estimate:
        """Return one condition's accuracy minus another's, passage by passage."""
        return difference(self.accuracy[condition], self.accuracy[against])

    def table(self) -> str:
        """Return one row a condition."""
        rows = [
            [name, f"{self.removed[name]:.1f}", f"{one.value:.3f}", f"{one.low:.3f} to {one.high:.3f}"]
            for name, one in self.accuracy.items()
        ]
        return text_table(["condition", "tokens out", "accuracy", "interval"], rows, title=f"{self.model}: questions")


def strip_text(
    model: Any,
    passages: Sequence[Passage],
    conditions: Sequence[str],
    *,
    seed: int = 0,
    bos: int = 0,
    hinges: bool | None = None,
) -> Stripped:
    """Return a model's accuracy on passages under each condition.

    model: a handle or module that reads the ids of the passages. seed: draws what the controls take out.
    hinges: only questions that a small word decides (True), or only the others (False).
    Raises `BadInput` when there is nothing to ask.
    """
    kept = [[ask for ask in one.asks if hinges is None or ask.hinges == hinges] for one in passages]
    if not any(kept) or not conditions:
        raise BadInput("There is no question to ask.", expected="passages with questions, and at least one condition")
    accuracy, removed = {}, {}
    for condition in conditions:
        bodies = [body_of(one, condition, seed * 100_003 + number) for number, one in enumerate(passages)]
        rows = [torch.tensor([bos, *body, *one.tail]) for body, one in zip(bodies, passages)]
        logits = _logits_at(model, rows, [[1 + len(b) + a.place for a in asks] for b, asks in zip(bodies, kept)])
        right = [_share(found, asks) for found, asks in zip(logits, kept) if asks]
        accuracy[condition] = mean_over(right, "questions", name=f"accuracy, {condition}", unit="share", null=0.25)
        removed[condition] = sum(len(one.body) - len(body) for one, body in zip(passages, bodies)) / len(passages)
    return Stripped(getattr(model, "name", type(model).__name__), accuracy, removed, chance=0.25)


def _share(logits_QV: Tensor, asks: Sequence[Any]) -> float:
    """Return the share of a passage's questions whose right option is the most likely one."""
    best = [max(range(len(ask.options)), key=row[list(ask.options)].tolist().__getitem__)
            for row, ask in zip(logits_QV, asks)]  # fmt: skip
    return sum(one == ask.answer for one, ask in zip(best, asks)) / len(asks)


def _logits_at(model: Any, rows: Sequence[Tensor], places: Sequence[Sequence[int]]) -> list[Tensor]:
    """Return the logits [Q, V] of each row at its places; rows are filled up at the end, which nothing before reads."""

    def work(module: nn.Module) -> list[Tensor]:
        order = sorted(range(len(rows)), key=lambda i: len(rows[i]))
        found: dict[int, Tensor] = {}
        for start in range(0, len(order), ROWS):
            part = order[start : start + ROWS]
            ids_BL = nn.utils.rnn.pad_sequence([rows[i] for i in part], batch_first=True)
            for i, logits_LV in zip(part, module(ids_BL).logits):
                found[i] = logits_LV[list(places[i])].clone()
        return [found[i] for i in range(len(rows))]

    return quietly(model, work)
