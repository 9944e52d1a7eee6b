"""The same needles in other orders: how far right answers move between the best and the worst order. Lesson: 04."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import torch

from ..task import Batch
from .retrieval import find_needles

if TYPE_CHECKING:
    from labkit.zoo import ModelLike

__all__ = ["OrderMargin", "order_margin", "reordered"]


@dataclass(frozen=True)
class OrderMargin:
    """Right answers by order of the needles, over the same texts otherwise."""

    right: tuple[float, ...]

    @property
    def margin(self) -> float:
        """The best order's share of right answers minus the worst's."""
        return max(self.right) - min(self.right)

    def table(self) -> str:
        """Return it as text."""
        shares = " ".join(f"{share:.3f}" for share in self.right)
        return f"right answers by order: {shares}; best minus worst {self.margin:.3f}"


def reordered(batch: Batch, order: torch.Tensor) -> Batch:
    """Return the texts with their needles exchanged: the needle at place `order[i]` moves to place i, all else stays.

    order [N]: places of needles in the order of `batch.cities`. Questions stay, so each answer is where its city went.
    """
    words = [batch.ids.gather(1, batch.cities + step).gather(1, order.expand(len(batch), -1)) for step in (0, 1)]
    ids = batch.ids.clone()
    for step in (0, 1):
        ids.scatter_(1, batch.cities + step, words[step])
    moved = batch.cities[:, order.argsort()]
    return replace(batch, ids=ids, cities=moved, places=moved[:, : batch.places.shape[1]] + 1)


def order_margin(model: ModelLike, batch: Batch, *, orders: int = 10, seed: int = 0) -> OrderMargin:
    """Return how right answers depend on the order of the needles: `orders` permutations, the same for each text."""
    random, needles = torch.Generator().manual_seed(seed), batch.cities.shape[1]
    drawn = [torch.randperm(needles, generator=random) for _ in range(orders)]
    return OrderMargin(tuple(find_needles(model, reordered(batch, order)).accuracy.value for order in drawn))
