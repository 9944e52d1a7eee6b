"""Versatility: which relations share neurons, and in which layers and modules they are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from labkit.base.errors import unknown

from ..task import RELATIONS, Register
from .study import RelationStudy

__all__ = ["NeuronOverlap", "entity_overlap", "neuron_overlap", "places"]


@dataclass(frozen=True)
class NeuronOverlap:
    """How many of the top k neurons of two relations are the same; `expected` is k²/M, for two random sets."""

    relations: tuple[str, ...]
    k: int
    shared: tuple[tuple[int, ...], ...]
    expected: float

    def share(self, a: str, b: str) -> float:
        """Return the shared neurons of two relations as a share of k."""
        return self.shared[self.relations.index(a)][self.relations.index(b)] / self.k

    def within(self) -> float:
        """Return the mean share of k that two relations of one family have in common."""
        return float(np.mean([self.share(a, b) for a, b in self._pairs(True)]))

    def across(self) -> float:
        """Return the same for relations of different families."""
        return float(np.mean([self.share(a, b) for a, b in self._pairs(False)]))

    def _pairs(self, same: bool) -> list[tuple[str, str]]:
        return [
            (a, b)
            for place, a in enumerate(self.relations)
            for b in self.relations[place + 1 :]
            if (RELATIONS[a].family == RELATIONS[b].family) == same
        ]

    def table(self) -> str:
        """Return the shared counts as a square of text."""
        lines = [" " * 14 + "".join(f"{name[:5]:>6}" for name in self.relations)]
        lines += [f"{name:14}" + "".join(f"{n:6}" for n in row) for name, row in zip(self.relations, self.shared)]
        return "\n".join([*lines, f"two random sets of {self.k} would share {self.expected:.1f}"])


def neuron_overlap(study: RelationStudy, share: float = 0.05, **options) -> NeuronOverlap:
    """Return the shared neurons of every two relations; options: see `RelationStudy.searching`."""
    search = study.searching(**options)
    k = search.layout.count(share)
    tops = {name: set(search.of(name).top(k).tolist()) for name in study.relations}
    shared = tuple(tuple(len(tops[a] & tops[b]) for b in tops) for a in tops)
    return NeuronOverlap(tuple(tops), k, shared, k * k / len(search.layout))


def entity_overlap(register: Register, what: str = "subject") -> dict[str, dict[str, int]]:
    """Return how many names two relations share as their subjects, or as their objects: what an overlap of neurons may
    come from. Each name counts once."""
    if what not in ("subject", "object"):
        raise unknown("part of a fact", what, ("subject", "object"))
    named = {name: {getattr(fact, what) for fact in facts} for name, facts in register.facts.items()}
    return {a: {b: len(mine & theirs) for b, theirs in named.items()} for a, mine in named.items()}


def places(study: RelationStudy, share: float = 0.05, **options) -> dict[tuple[int, str], int]:
    """Return how many of all relations' top neurons are in each (layer, module)."""
    search = study.searching(**options)
    count = dict.fromkeys(((layer, module) for layer, module, _ in search.layout.blocks), 0)
    for name in study.relations:
        for neuron in search.of(name).top(search.layout.count(share)):
            count[int(search.layout.layers[neuron]), str(search.layout.modules[neuron])] += 1
    return count


def layer_shares(study: RelationStudy, share: float = 0.05, **options) -> Sequence[float]:
    """Return the share of all relations' top neurons in each layer."""
    each = layer_shares_by_relation(study, share, **options)
    return [sum(column) / len(each) for column in zip(*each.values())]


def layer_shares_by_relation(study: RelationStudy, share: float = 0.05, **options: Any) -> dict[str, list[float]]:
    """Return the share of each relation's top neurons in each layer."""
    search, found = study.searching(**options), {}
    k, depth = search.layout.count(share), int(search.layout.layers.max()) + 1
    for name in study.relations:
        layers = search.layout.layers[search.of(name).top(k)]
        found[name] = [float((layers == layer).mean()) for layer in range(depth)]
    return found
