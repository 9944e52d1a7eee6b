"""What the paper's theory prints, in plain words, beside what its own formulas give: tables for a lesson."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from labkit.base.errors import unknown
from labkit.base.results import Result
from labkit.measurements.tables import markdown_table, text_table

from ..method.theory import Statement, check_theorems

__all__ = ["TheoremTable", "theorem_table"]

# About what -> per statement: its place among those of `check_theorems`, the sentence, ours, and the number in it.
_ROWS: dict[str, tuple[tuple[int, str, str, Callable[[float], float]], ...]] = {
    "variance": (
        (0, "Abstract: it grows exponentially with N (Pre-LN)", "Lemma 3.2's rule: {:.2f} · N², a power", float),
        (1, "Lemma 4.1: between N and nearly N² (scaling)", "the lemma's rule: {:.0f} · N, its lower end", float),
        (2, "Lemma 4.1: never below the order of N (scaling)", "independent blocks: log N, here {:.1g} · N", float),
    ),
    "gradient": (
        (3, "Theorem 3.3: constant, if σ² grows like e^ℓ (Pre-LN)", "second half of the blocks: × {:.4f}", math.exp),
        (4, "Theorem 3.3: like N, if σ² grows like ℓ (Pre-LN)", "like e^(2√N), faster than any power of N", float),
        (5, "Theorem 4.2: endless, if σ² grows like ℓ^1.5 (scaling)", "second half of the blocks: × {:.4f}", math.exp),
        (6, "Theorem 4.2: like N, if σ² grows like ℓ (scaling)", "second half of the blocks: × {:.4f}", math.exp),
        (7, "Theorem 4.2, factor once: a power of N (scaling)", "twice the blocks: × {:.2f}", lambda x: 2**x),
    ),
}


@dataclass(frozen=True)
class TheoremTable(Result):
    """One row a statement: what is printed, whether it holds, and what its own formula gives."""

    about: str
    depth: int
    rows: tuple[tuple[str, bool, str], ...]

    def table(self) -> str:
        """Return the rows as plain text."""
        return text_table(self._columns(), self._cells())

    def markdown(self) -> str:
        """Return the rows as a table that a notebook shows."""
        return markdown_table(self._columns(), self._cells())

    def _columns(self) -> list[str]:
        return ["statement", "holds?", f"computed here, N = {self.depth:,}"]

    def _cells(self) -> list[list[str]]:
        return [[said, "yes" if holds else "**no**", ours] for said, holds, ours in self.rows]


def theorem_table(about: str, depth: int = 100_000) -> TheoremTable:
    """Return what is printed about the "variance" or about the bound on the "gradient", checked at `depth` blocks."""
    if about not in _ROWS:
        raise unknown("part of the theory", about, list(_ROWS))
    checked: tuple[Statement, ...] = check_theorems(depth)
    rows = tuple(
        (said, checked[n].holds, ours.format(number(checked[n].number))) for n, said, ours, number in _ROWS[about]
    )
    return TheoremTable(about, depth, rows)
