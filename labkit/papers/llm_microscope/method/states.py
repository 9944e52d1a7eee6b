"""The states of every token at every level: level 0 is the embedding, level l the stream after block l.

Shapes: S = N + 1 levels, L tokens of one text, T tokens of several, D width.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from labkit.anatomy import anatomy_of, record
from labkit.base.errors import BadInput

if TYPE_CHECKING:
    from labkit.zoo import ModelLike

__all__ = ["Cloud", "cloud_of", "levels", "states_of"]


@dataclass(frozen=True)
class Cloud:
    """Tokens of several texts: states [S, T, D], and for each token its id, its text and its place in it."""

    h_STD: Tensor
    ids: tuple[int, ...]
    document: tuple[int, ...]
    position: tuple[int, ...]

    @property
    def tokens(self) -> int:
        """The number of tokens."""
        return self.h_STD.shape[1]


def levels(model: ModelLike) -> list[str]:
    """Return the site of each level."""
    return ["embed", *(f"layers.{layer}" for layer in range(anatomy_of(model).depth))]


def states_of(model: ModelLike, ids: Any) -> Tensor:
    """Return the states [S, L, D] of one text of token ids [L]; works on any model that `anatomy_of` knows."""
    sites = levels(model)
    found = record(model, ids, sites)
    return torch.stack([found[site][0] for site in sites])


def cloud_of(model: ModelLike, documents: Sequence[Any], *, skip: int = 1) -> Cloud:
    """Return the tokens of several documents of ids; `skip` leaves out the first ones, by default the begin token.

    The begin token has the same states in every text: kept, it would be one point drawn many times.
    """
    if not any(len(one) > skip for one in documents):
        raise BadInput("These texts have no token to look at.", expected=f"a text of more than {skip} tokens")
    parts, ids, document, position = [], [], [], []
    for number, one in enumerate(documents):
        one = torch.as_tensor(one)
        parts.append(states_of(model, one)[:, skip:].cpu())
        ids += one[skip:].tolist()
        document += [number] * (len(one) - skip)
        position += range(skip, len(one))
    return Cloud(torch.cat(parts, dim=1), tuple(ids), tuple(document), tuple(position))
