"""How much attention goes to a class of tokens, head by head, beside what it would get if all were looked at alike."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

from labkit.anatomy import attention_weights
from labkit.base.errors import BadInput, unknown
from labkit.measurements.tables import text_table

from ..task.classes import CLASSES, classes_of

if TYPE_CHECKING:
    from labkit.zoo import ModelLike

__all__ = ["AttentionShare", "attention_to"]


@dataclass(frozen=True)
class AttentionShare:
    """The share of its attention that each head [layer][head] gives to a class; alike: if all weights were equal."""

    name: str
    share: tuple[tuple[float, ...], ...]
    alike: float

    def table(self) -> str:
        """Return one row a layer: its heads' mean, and its most attentive head."""
        rows = [
            [str(layer), f"{sum(heads) / len(heads):.3f}", f"{max(heads):.3f}", str(heads.index(max(heads)))]
            for layer, heads in enumerate(self.share)
        ]
        title = f"Attention to {self.name}; looking at all tokens alike would give {self.alike:.3f}"
        return text_table(["layer", "mean", "most", "head"], rows, title=title)


def attention_to(model: ModelLike, documents: Sequence[Any], name: str = "punctuation") -> AttentionShare:
    """Return the attention that goes to a class of tokens, averaged over all queries but the first of each document.

    model: a handle with `pieces`. documents: token ids [L]. Raises `BadInput` where no token is of the class.
    """
    if name not in CLASSES:
        raise unknown("class of tokens", name, CLASSES)
    shares_H, alike, queries, there = [], 0.0, 0, 0
    for ids in documents:
        ids = torch.as_tensor(ids)
        mine_L = torch.tensor([one == name for one in classes_of(model, ids)], dtype=torch.float32)
        weights = attention_weights(model, ids)
        shares_H.append(torch.stack([(w_BHLL[0].float() @ mine_L)[:, 1:].sum(1) for w_BHLL in weights]))
        alike += float((mine_L.cumsum(0) / torch.arange(1, len(ids) + 1))[1:].sum())
        queries += len(ids) - 1
        there += int(mine_L.sum())
    if not there:
        raise BadInput(f"None of these tokens is of class {name}.", expected="texts that have some", do="add one")
    share_NH = torch.stack(shares_H).sum(0) / queries
    return AttentionShare(name, tuple(map(tuple, share_NH.tolist())), alike / queries)
