"""What panels about depth read off a model: the size of the stream, and how far each block turns it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch

from labkit.anatomy import anatomy_of, record

from ..method.distances import angular_distance

if TYPE_CHECKING:
    from labkit.zoo import ModelLike

__all__ = ["read_stream"]


def read_stream(model: ModelLike, documents: Sequence) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return the stream's variance at the embedding and after each block [N + 1], and each block's turn [N].

    Means over tokens, then over documents: what `residual_stats` and `angular_distances` give, without intervals.
    """
    sites = ["embed", *(f"layers.{layer}" for layer in range(anatomy_of(model).depth))]
    variances, turns = [], []
    for document in documents:
        streams = record(model, document, sites)
        h_NLD = torch.stack([streams[site][0] for site in sites]).cpu().double()
        variances.append(h_NLD.var(dim=-1, unbiased=False).mean(dim=1))
        turns.append(angular_distance(h_NLD[:-1], h_NLD[1:]).mean(dim=1))
    return tuple(tuple(torch.stack(found).mean(dim=0).tolist()) for found in (variances, turns))
