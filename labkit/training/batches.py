"""The data of each step, as a function of recipe, seed and step alone: nothing to save, nothing to rewind.

Documents are whole and begin at their begin, so that the loss on them has the world's floor. A pool of steps shares
its documents sorted by length: the sorted pool is cut into `groups` strata, each stratum into one run of neighbours
per step. A step so holds short and long documents in the same proportion as the pool, in rows that need next to no
padding and no mask but the causal one.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

import torch
from torch import Tensor

from labkit import world

from .recipe import Recipe

__all__ = ["Batches", "Group", "padded"]

_LATER = 1000  # a run that goes on from another reads other documents than that one did


@dataclass(frozen=True)
class Group:
    """Documents of nearly equal length: ids [B, L], and targets [B, L] that are the next id, -100 after the end."""

    ids: Tensor
    targets: Tensor

    @property
    def tokens(self) -> int:
        """How many tokens are predicted."""
        return int((self.targets != -100).sum())


def padded(documents: list[list[int]]) -> Group:
    """Return documents (begin and end included) as one group; the end is predicted, never read."""
    longest = max(map(len, documents)) - 1
    ids = torch.zeros(len(documents), longest, dtype=torch.long)
    targets = torch.full((len(documents), longest), -100)
    for row, document in enumerate(documents):
        known = torch.tensor(document)
        ids[row, : len(document) - 1] = known[:-1]
        targets[row, : len(document) - 1] = known[1:]
    return Group(ids, targets)


class Batches:
    """`batches.at(step)` returns the groups of step 1, 2, …; the same for the same recipe and seed."""

    def __init__(self, recipe: Recipe, seed: int):
        self.recipe = recipe
        self.seed = seed + _LATER if recipe.start else seed
        self._pool_number = -1
        self._pool: list = []

    def at(self, step: int) -> list[Group]:
        """Return the groups of `step`."""
        number, place = divmod(step - 1, self.recipe.pool)
        if number != self._pool_number:
            self._pool, self._pool_number = self._make(number), number
        return [padded(documents) for documents in self._pool[place]]

    def _make(self, number: int) -> list[list[list[list[int]]]]:
        steps, groups = self.recipe.pool, self.recipe.groups
        pool = sorted(self._documents(number), key=len)
        run = self.recipe.documents_per_step // groups
        made: list[list[list[list[int]]]] = [[] for _ in range(steps)]
        for stratum in range(groups):
            order = list(range(steps))
            Random(f"batches/{self.seed}/{number}/{stratum}").shuffle(order)
            for step, place in zip(made, order):
                start = (stratum * steps + place) * run
                step.append(pool[start : start + run])
        return made

    def _documents(self, number: int) -> list[list[int]]:
        texts = []
        for part, count in self.recipe.documents.items():
            first = number * self.recipe.pool * count
            for each in range(first, first + self.recipe.pool * count):
                texts.append(world.document(part, each, self.seed).text)
        return world.tokenizer().encode_documents(texts)
