"""The removal harness: which of four single-token options does a model find most likely after a stripped text?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from labkit.anatomy import in_eval_mode

from ..task.passages import Passage, body_of

if TYPE_CHECKING:
    from labkit.zoo import ModelLike

__all__ = ["right_answers"]

ROWS = 64


def right_answers(
    model: ModelLike, passages: Sequence[Passage], condition: str = "intact", *, seed: int = 0, bos: int = 0
) -> list[float]:
    """Return for each passage the share of its questions answered right under a condition; seed: see `body_of`."""
    bodies = [body_of(one, condition, seed * 100_003 + number) for number, one in enumerate(passages)]
    rows = [torch.tensor([bos, *body, *one.tail]) for body, one in zip(bodies, passages)]
    places = [[1 + len(body) + ask.place for ask in one.asks] for body, one in zip(bodies, passages)]
    shares = []
    for logits_QV, one in zip(_logits_at(model, rows, places), passages):
        right = [int(logits_V[list(ask.options)].argmax()) == ask.answer for logits_V, ask in zip(logits_QV, one.asks)]
        shares.append(sum(right) / len(right))
    return shares


def _logits_at(model: ModelLike, rows: Sequence[Tensor], places: Sequence[Sequence[int]]) -> list[Tensor]:
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

    return in_eval_mode(model, work)
