"""Single neurons: what some of them say to a relation's prompts and to others', and how good the best of all are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from labkit.base.errors import BadInput

from .study import RelationStudy

__all__ = ["BestNeurons", "NeuronStrips", "best_neurons", "chosen_ap", "neuron_strips"]

MOST = 8  # neurons in one picture


@dataclass(frozen=True, eq=False)
class NeuronStrips:
    """For each neuron its outputs on prompts of `relation` and on as many of the others', and its average precision.

    The average precision is that of the search, over four times as many prompts of others.
    """

    relation: str
    names: tuple[str, ...]
    own: tuple[np.ndarray, ...]
    others: tuple[np.ndarray, ...]
    ap: tuple[float, ...]

    def table(self) -> str:
        """Return one line a neuron."""
        lines = [f"{'neuron':24}  AP    mean own  mean others"]
        for name, own, others, ap in zip(self.names, self.own, self.others, self.ap):
            lines.append(f"{name:24} {ap:5.3f}  {own.mean():8.2f}  {others.mean():11.2f}")
        return "\n".join(lines)


def neuron_strips(
    study: RelationStudy, relation: str, neurons: Sequence[int], *, most: int = 90, **options
) -> NeuronStrips:
    """Return the outputs of up to eight neurons; options: see `RelationStudy.searching`."""
    if not 1 <= len(neurons) <= MOST:
        raise BadInput(f"{len(neurons)} neurons make no picture.", expected=f"1 to {MOST}")
    search = study.searching(**options)
    found, mine = search.of(relation), np.array(search.classes) == relation
    outputs = search.outputs[:, list(map(int, neurons))].numpy()
    others = np.random.default_rng(0).permutation(np.flatnonzero(~mine))[:most]
    return NeuronStrips(
        relation,
        search.layout.names(neurons),
        tuple(outputs[mine, column][:most] for column in range(len(neurons))),
        tuple(outputs[others, column] for column in range(len(neurons))),
        tuple(float(found.ap[int(neuron)]) for neuron in neurons),
    )


@dataclass(frozen=True)
class BestNeurons:
    """For each relation the best AP of all neurons, how many reach 1, and the best AP where labels are shuffled."""

    neurons: int
    best: dict[str, float]
    at_one: dict[str, int]
    shuffled: dict[str, float]

    def tied(self) -> int:
        """Return for how many relations at least one neuron makes no error."""
        return sum(count > 0 for count in self.at_one.values())

    def table(self) -> str:
        """Return one line a relation."""
        lines = [f"{'relation':14}  best AP  at 1  labels shuffled"]
        for name, best in self.best.items():
            lines.append(f"{name:14} {best:8.4f} {self.at_one[name]:5}  {self.shuffled[name]:15.2f}")
        return "\n".join(lines)


def best_neurons(study: RelationStudy, *, seed: int = 0, **options) -> BestNeurons:
    """Return the best AP of each relation beside the best that a search with shuffled labels (`seed`) finds.

    The null makes the same choice as the search: the largest of all neurons. options: see `RelationStudy.searching`.
    """
    search, nothing = study.searching(**options), study.searching(permuted=True, seed=seed, **options)
    found = {name: search.of(name) for name in study.relations}
    return BestNeurons(
        len(search.layout),
        {name: float(one.ap.max()) for name, one in found.items()},
        {name: one.at_one() for name, one in found.items()},
        {name: float(nothing.of(name).ap.max()) for name in found},
    )


def chosen_ap(study: RelationStudy, k: int, **options) -> float:
    """Return the mean AP of the k best neurons of each relation; options: see `RelationStudy.searching`."""
    search = study.searching(**options)
    return float(np.mean([float(search.of(name).ap[search.of(name).top(k)].mean()) for name in study.relations]))
