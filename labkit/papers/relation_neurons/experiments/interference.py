"""Interference: does a relation get *better* when another one's neurons are off, and is that more than luck?

The null knows what was chosen: as many neurons of the same layers and modules, for each relation, draw after draw;
what is counted in the map is counted in each draw, and the largest of 132 cells is held against the largest of 132.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .damage import DamageMap, damage_map
from .study import RelationStudy

__all__ = ["Interference", "improving", "interference", "largest_gain"]


@dataclass(frozen=True)
class Interference:
    """Improving cells and the largest gain of accuracy in a damage map, and the same in each draw of the null.

    rows: improving cells for each silenced relation; null_rows: the same in each draw.
    """

    share: float
    cells: int
    improving: int
    largest: float
    where: tuple[str, str]
    null_improving: tuple[int, ...]
    null_largest: tuple[float, ...]
    significant: int
    rows: tuple[int, ...] = ()
    null_rows: tuple[tuple[int, ...], ...] = ()

    @property
    def band(self) -> tuple[float, float]:
        """The middle 95 % of the number of improving cells in the null."""
        low, high = np.quantile(self.null_improving, [0.025, 0.975])
        return float(low), float(high)

    @property
    def p_improving(self) -> float:
        """How often the null has at least as many improving cells (the map itself counted as a draw)."""
        return (1 + sum(n >= self.improving for n in self.null_improving)) / (1 + len(self.null_improving))

    @property
    def p_largest(self) -> float:
        """How often the largest gain of the null is at least as large."""
        return (1 + sum(n >= self.largest - 1e-12 for n in self.null_largest)) / (1 + len(self.null_largest))

    def table(self) -> str:
        """Return the counts as text."""
        low, high = self.band
        return (
            f"improving cells   {self.improving} of {self.cells}; "
            f"null {low:.0f} to {high:.0f}, p = {self.p_improving:.2f}"
            f"\nlargest gain      {self.largest:.3f} ({self.where[1]} with {self.where[0]} off); null up to "
            f"{max(self.null_largest):.3f}, p = {self.p_largest:.2f}"
            f"\ncells with p<.05  {self.significant} of {self.cells}, each taken alone"
        )


def improving(found: DamageMap) -> int:
    """Return in how many cells off the diagonal accuracy rose."""
    return sum(_rows(found))


def _rows(found: DamageMap) -> tuple[int, ...]:
    return tuple(sum(found.drop(r, s) < -1e-12 for r in found.relations if r != s) for s in found.silenced)


def largest_gain(found: DamageMap) -> tuple[float, tuple[str, str]]:
    """Return the largest rise of accuracy off the diagonal, and where: (silenced, asked)."""
    gains = {
        (s, r): float(found.after[place, found.rows(r)].mean() - found.before[found.rows(r)].mean())
        for place, s in enumerate(found.silenced)
        for r in found.relations
        if r != s
    }
    where = max(gains, key=gains.__getitem__)
    return gains[where], where


def interference(
    study: RelationStudy, share: float = 0.012, draws: int = 20, *, null: str = "matched", wording: str = "named"
) -> Interference:
    """Return the improving cells of the damage map beside `draws` draws of the null (`matched` or `permuted`)."""
    found = damage_map(study, share, wording=wording)
    draw = [damage_map(study, share, null, wording=wording, seed=1 + seed) for seed in range(draws)]
    gain, where = largest_gain(found)
    pairs = [(s, r) for s in found.silenced for r in found.relations if r != s]
    gained = [(s, r) for s, r in pairs if found.drop(r, s) < 0 and found.p_value(r, s) < 0.05]
    return Interference(
        share=share,
        cells=len(pairs),
        improving=improving(found),
        largest=gain,
        where=where,
        null_improving=tuple(improving(one) for one in draw),
        null_largest=tuple(largest_gain(one)[0] for one in draw),
        significant=len(gained),
        rows=_rows(found),
        null_rows=tuple(map(_rows, draw)),
    )
