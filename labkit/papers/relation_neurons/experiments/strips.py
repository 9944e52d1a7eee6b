"""NeuronStrips: what single neurons say to one relation's prompts, and what they say to those of the others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from labkit.base.errors import BadInput

from .study import RelationStudy

__all__ = ["NeuronStrips", "neuron_strips"]

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
