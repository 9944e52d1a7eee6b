"""One culprit or a crowd: is an answer lost to the newly silenced neurons alone, or only to all of them together?

For consecutive k1 < k2 (section 5.1): #total counts answers right with the top k1 off and wrong with the top k2 off;
#affected those of them that are wrong when only ranks k1 + 1 … k2 are off. Cumulativity is 1 − #affected / #total.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from labkit.base.errors import BadInput
from labkit.interventions import edit

from ..method import SilenceNeurons
from .study import RelationStudy

__all__ = ["LADDER", "Cumulativity", "cumulativity"]

LADDER = (0.0006, 0.0036, 0.012, 0.05, 0.1, 0.15)  # from one neuron of 1,536


@dataclass(frozen=True)
class Cumulativity:
    """Counts [relations, ranges] of lost answers, and of those that the slice alone loses too."""

    relations: tuple[str, ...]
    ladder: tuple[int, ...]
    total: tuple[tuple[int, ...], ...]
    affected: tuple[tuple[int, ...], ...]

    def micro(self, place: int | None = None) -> float:
        """Return 1 − affected / total over all relations, of one range or of all; nan where nothing was lost."""
        total, affected = np.array(self.total), np.array(self.affected)
        if place is not None:
            total, affected = total[:, place], affected[:, place]
        return 1 - affected.sum() / total.sum() if total.sum() else float("nan")

    def macro(self, place: int) -> float:
        """Return the mean over the relations that lost something in a range."""
        pairs = [(t[place], a[place]) for t, a in zip(self.total, self.affected) if t[place]]
        return float(np.mean([1 - a / t for t, a in pairs])) if pairs else float("nan")

    def table(self) -> str:
        """Return one line a range."""
        total, affected = np.sum(self.total, 0), np.sum(self.affected, 0)
        lines = ["ranks        lost  by the slice alone  micro  macro"]
        for place, (low, high) in enumerate(pairwise(self.ladder)):
            lines.append(
                f"{low:4}-{high:<6} {total[place]:5}  {affected[place]:18}  {self.micro(place):5.2f}  "
                f"{self.macro(place):5.2f}"
            )
        return "\n".join(lines)


def cumulativity(
    study: RelationStudy, ladder: Sequence[float] = LADDER, *, matched: int | None = None, wording: str = "named"
) -> Cumulativity:
    """Return the counts for each relation and each range between shares of `ladder`.

    matched: a seed; the same with the ranks of each relation drawn anew within layer and module.
    """
    ks = [study.layout.count(share) for share in ladder]
    if sorted(set(ks)) != ks:
        raise BadInput(f"The ladder {ks} does not rise.", expected="growing shares, different in neurons")
    quizzes = {name: study.quiz(wording, [name]) for name in study.relations}
    total, affected = [], []
    for name, quiz in quizzes.items():
        order = study.search.of(name).top(ks[-1])
        if matched is not None:
            order = np.random.default_rng([matched, 3]).permutation(study.layout.matched(order, matched))
        off = [_right(study, quiz, order[:k]) for k in ks]
        slices = [_right(study, quiz, order[low:high]) for low, high in pairwise(ks)]
        lost = [(before == 1) & (after == 0) for before, after in pairwise(off)]
        total.append(tuple(int(one.sum()) for one in lost))
        affected.append(tuple(int((one & (alone == 0)).sum()) for one, alone in zip(lost, slices)))
    return Cumulativity(tuple(quizzes), tuple(ks), tuple(total), tuple(affected))


def _right(study: RelationStudy, quiz, neurons: np.ndarray) -> np.ndarray:
    with edit(study.model, SilenceNeurons(study.layout.names(neurons))):
        return quiz.answers().right
