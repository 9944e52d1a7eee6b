"""Under which conditions the hour's questions were answered: rate, steps, seeds and verdict, from the ledger."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from labkit.base.numbers import number
from labkit.base.results import Result
from labkit.claims import Assessment, assess
from labkit.measurements.tables import markdown_table, text_table

from .block_runs import BlockRuns

__all__ = ["QUESTIONS", "Regimes", "regimes"]

# Claim of the ledger -> what it asks, in the hour's words. All but the one of two depths have 16 blocks.
QUESTIONS = {
    "08.variance_controlled": "Is the stream smaller with scaling?",
    "08.behind_at_first": "Is scaling behind early on?",
    "08.lower_than_scaled_init": "Is its loss below that of smaller first values?",
    "08.idle_share_grows": "Pre-LN: is a larger share idle of 32 blocks than of 8?",
    "08.deep_turn_more": "Do its deep blocks turn the stream more?",
    "08.lower_loss": "Is its loss below that of Pre-LN?",
    "08.lower_than_scaled_init_trained": "Is its loss below that of smaller first values?",
    "08.deep_at_work": "Are more of its deep blocks at work?",
}
MAIN = ("depth/pre", "depth/lns")
WHOLE = 1500  # steps of a whole training: where a claim names no other number


@dataclass(frozen=True)
class Regimes(Result):
    """One row a question: the question, the learning rate, the steps, the seeds, and the verdict with its numbers."""

    rows: tuple[tuple[str, ...], ...]
    columns: tuple[str, ...] = ("question", "learning rate", "steps", "seeds", "verdict", "value [95 % interval]")

    def table(self) -> str:
        """Return the rows as plain text."""
        return text_table(self.columns, self.rows)

    def markdown(self) -> str:
        """Return the rows as a table that a notebook shows."""
        return markdown_table(self.columns, self.rows)


def regimes(ids: Sequence[str] = tuple(QUESTIONS)) -> Regimes:
    """Return the conditions and verdicts of these claims, as the ledger and the stored runs have them."""
    return Regimes(tuple(_row(assess(one)) for one in ids))


def _row(decided: Assessment) -> tuple[str, ...]:
    claim, said = decided.claim, decided.verdict
    if said == "observation":
        said = f"observation (by the rule: {decided.reason.rpartition('would be ')[2]})"
    ends = f"{number(decided.value)} [{number(decided.low)}, {number(decided.high)}]"
    steps = claim.arguments.get("steps", WHOLE)
    return QUESTIONS[claim.id], _rates(claim.arguments), f"{steps:,}", str(decided.n), said, ends


def _rates(arguments: dict) -> str:
    """Return one rate for both kinds, or each kind's own: named by the claim, or found best on seed 0."""
    runs = BlockRuns.load()
    first = arguments.get("lr")
    second = arguments.get("second_lr", first)
    if first is None:
        first, second = (runs.best_lr(recipe, seeds=[0]) for recipe in MAIN)
    return f"{first:g} for all" if first == second else f"own best: {first:g}, {second:g}"
