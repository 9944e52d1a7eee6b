"""How the lesson names its arms, and a table of them. Lesson: 04."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from labkit.measurements.tables import text_table

from .arms import compare_arms

__all__ = ["arm_name", "arms_table"]


def arm_name(arm: str) -> str:
    """Return how the lesson names an arm: "diff, λ frozen" is "DIFF, λ kept at 0.2"."""
    kept = {"diff, λ frozen": "DIFF, λ kept at 0.2", "diff, λ = −1": "DIFF, λ kept at −1", "diff, λ ≥ 0": "DIFF, λ ≥ 0"}
    return kept.get(arm, arm.replace("diff", "DIFF"))


def arms_table(arms: Sequence[str], columns: Mapping[str, str]) -> str:
    """Return the mean of each arm over its seeds as text: heading -> a quantity of `compare_arms`."""
    found = [compare_arms(what, arms) for what in columns.values()]
    rows = [[arm_name(arm), *(f"{one.mean(arm).value:.3f}".replace("-", "−") for one in found)] for arm in arms]
    return text_table(["mean over seeds", *columns], rows)
