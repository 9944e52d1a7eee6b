"""The rows on seeds 1 to 5, measured twice: on the first bases with 500 questions of an unseen task, then on new ones.

The first bases were trained on another processor, which rounds otherwise. Bases, experts and all that was measured on
them were then made again from the same seeds, with 1,000 questions; what was promised stayed as it was. The records
hold the second values; the first lie in data/sweeps.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from labkit.base.data import data_dir
from labkit.base.files import parsed
from labkit.base.results import Result
from labkit.claims import Assessment, ledger
from labkit.claims.assessment import judge
from labkit.claims.records import read_record

__all__ = ["Twice", "measured_twice"]

STORED = "07_first.json"  # in data/sweeps


@dataclass(frozen=True)
class Twice(Result):
    """By row what the first measurement said, and what the second says."""

    rows: dict[str, tuple[Assessment, Assessment]]

    def changed(self) -> dict[str, tuple[Assessment, Assessment]]:
        """Return the rows whose verdict is another."""
        return {name: pair for name, pair in self.rows.items() if pair[0].verdict != pair[1].verdict}

    def table(self) -> str:
        """Return one line for each row; a star where the verdict is another."""
        width = max(map(len, self.rows))
        lines = [f"{'':{width}}   {'first':44} second"]
        for name, pair in self.rows.items():
            star = "*" if name in self.changed() else " "
            first, second = (f"{a.value:+.3f} [{a.low:+.3f}, {a.high:+.3f}] {a.verdict}" for a in pair)
            lines.append(f"{name:{width}} {star} {first:44} {second}")
        return "\n".join(lines)


def measured_twice() -> Twice:
    """Return both measurements of every row on seeds 1 to 5, each judged by the rule of the ledger."""
    book, rows = ledger(), {}
    for name, values in parsed((data_dir() / "sweeps" / STORED).read_text(encoding="utf-8"))["values"].items():
        claim = book.claim(name)
        record = read_record(claim)
        first = replace(record, values=tuple(tuple(v) if isinstance(v, list) else v for v in values))
        rows[name] = (judge(claim, first), judge(claim, record))
    return Twice(rows)
