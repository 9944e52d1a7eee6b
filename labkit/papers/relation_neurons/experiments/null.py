"""The damage map beside its null: the same map made again and again with sets drawn from the same layers and modules.

A column of the map is grey where any set of that size costs that relation something. So each cell is held against the
drops of its own column in all draws, and, since 144 cells are looked at, the largest cell against the largest of each.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from labkit.base.errors import BadInput

from .damage import DamageMap, damage_map
from .study import RelationStudy

__all__ = ["DamageNull", "damage_null"]


@dataclass(frozen=True, eq=False)
class DamageNull:
    """Relative drops [S, R] with each relation's own neurons off, and the same for D draws of the null [D, S, R]."""

    silenced: tuple[str, ...]
    relations: tuple[str, ...]
    k: int
    drops: np.ndarray
    null: np.ndarray

    @cached_property
    def excess(self) -> np.ndarray:
        """The drop of each cell minus the mean of its draws: sets matched to the same relation's [S, R]."""
        return self.drops - self.null.mean(axis=0)

    def p_value(self, asked: str, silenced: str) -> float:
        """Return how often a drawn set, matched to whichever relation, costs `asked` at least as much."""
        column = self.null[:, :, self.relations.index(asked)].ravel()
        ours = self.drops[self.silenced.index(silenced), self.relations.index(asked)]
        return float((1 + (column >= ours - 1e-12).sum()) / (1 + len(column)))

    @cached_property
    def standard(self) -> np.ndarray:
        """The drops in standard deviations of their column's draws, from the column's mean [S, R]."""
        return self._standardised(self.drops)

    @cached_property
    def largest(self) -> np.ndarray:
        """The largest standardised cell of each draw [D]: what the best of 144 cells is where nobody's set is off."""
        return np.array([self._standardised(one).max() for one in self.null])

    def beyond(self) -> list[tuple[str, str]]:
        """Return the cells (silenced, asked) above the largest cell of at least 95 of 100 draws."""
        limit = float(np.quantile(self.largest, 0.95))
        return [(self.silenced[s], self.relations[r]) for s, r in np.argwhere(self.standard > limit)]

    def diagonal(self) -> tuple[float, float]:
        """Return the mean excess of the diagonal, and how often a drawn map has as large a mean diagonal (p)."""
        where = [(s, self.relations.index(name)) for s, name in enumerate(self.silenced) if name in self.relations]
        rows, columns = map(list, zip(*where))
        ours, drawn = self.drops[rows, columns].mean(), self.null[:, rows, columns].mean(axis=1)
        p = (1 + (drawn >= ours - 1e-12).sum()) / (1 + len(drawn))
        return float(ours - drawn.mean()), float(p)

    def table(self) -> str:
        """Return, for each relation, its own drop, what the drawn sets do to it, and p."""
        lines = [f"{'relation':14}  own   drawn, mean and largest    p"]
        for name in self.silenced:
            s, r = self.silenced.index(name), self.relations.index(name)
            mine = self.null[:, s, r]
            p = self.p_value(name, name)
            lines.append(f"{name:14} {self.drops[s, r]:5.2f}  {mine.mean():11.2f}  {mine.max():11.2f}  {p:7.3f}")
        return "\n".join(lines)

    def as_dict(self) -> dict[str, Any]:
        """Return plain JSON values, drops in thousandths."""
        return {
            "silenced": list(self.silenced), "relations": list(self.relations), "k": self.k,
            "drops": _thousandths(self.drops), "null": [_thousandths(one) for one in self.null],
        }  # fmt: skip

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> DamageNull:
        """Return what `as_dict` wrote."""
        drops, null = np.array(values["drops"]) / 1000, np.array(values["null"]) / 1000
        return cls(tuple(values["silenced"]), tuple(values["relations"]), values["k"], drops, null)

    def _standardised(self, drops: np.ndarray) -> np.ndarray:
        columns = self.null.reshape(-1, len(self.relations))
        return (drops - columns.mean(axis=0)) / np.maximum(columns.std(axis=0), 1e-9)


def damage_null(study: RelationStudy, share: float = 0.1, draws: int = 10, **options: Any) -> DamageNull:
    """Return the damage map of `share` beside `draws` maps of sets matched by layer and module.

    options: see `damage_map`. Raises `BadInput` for less than two draws.
    """
    if draws < 2:
        raise BadInput(f"{draws} draws make no null.", expected="at least 2")
    ours: DamageMap = damage_map(study, share, **options)
    drawn = [damage_map(study, share, "matched", seed=1 + draw, **options).matrix() for draw in range(draws)]
    return DamageNull(ours.silenced, ours.relations, ours.k, ours.matrix(), np.array(drawn))


def _thousandths(drops: Sequence[Sequence[float]]) -> list[list[int]]:
    return [[round(1000 * float(value)) for value in row] for row in drops]
