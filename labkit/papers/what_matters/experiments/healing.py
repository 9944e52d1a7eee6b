"""What the healing panel is asked and what it answers, as values; nothing here needs torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from labkit.measurements.estimate import Estimate
from labkit.panels.stored import estimate_of, summary

__all__ = ["CUTS", "EVERY", "NOTHING", "HealCurve", "HealData", "HealRun", "HealState"]

EVERY = 10  # steps of training between two measurements
NOTHING = "nothing"
# What is cut away, lowest score first: the strategy and how many parts; the first is the control.
CUTS = {
    NOTHING: ("joint", 0),
    "4 attentions": ("attention", 4),
    "8 attentions": ("attention", 8),
    "4 MLPs": ("mlp", 4),
    "4 blocks": ("block", 4),
}


@dataclass(frozen=True)
class HealState:
    """What is cut away, and how many steps of training are looked at."""

    cut: str = "4 attentions"
    steps: int = 0


@dataclass(frozen=True)
class HealCurve:
    """One model while it is trained: loss (nats a token) and share of lists copied, after each of `steps`.

    gone: the parts cut away. tokens: read in training by then.
    """

    gone: tuple[str, ...]
    steps: tuple[int, ...]
    tokens: tuple[int, ...]
    loss: tuple[Estimate, ...]
    copying: tuple[Estimate, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return plain JSON values."""
        rows = {name: [summary(one) for one in getattr(self, name)] for name in ("loss", "copying")}
        return {"gone": self.gone, "steps": self.steps, "tokens": self.tokens, **rows}

    @classmethod
    def of(cls, table: Mapping[str, Any], chance: float) -> HealCurve:
        """Return what `as_dict` gave."""
        loss = tuple(estimate_of(row, name="loss", unit="nats/token", over="documents") for row in table["loss"])
        about = {"name": "copying", "unit": "share", "over": "questions", "null": chance}
        copying = tuple(estimate_of(row, **about) for row in table["copying"])
        return cls(tuple(table["gone"]), tuple(table["steps"]), tuple(table["tokens"]), loss, copying)

    def at(self, steps: int) -> int:
        """Return the place of the last measurement within `steps` steps."""
        return max(place for place, step in enumerate(self.steps) if step <= steps)


@dataclass(frozen=True)
class HealRun:
    """Curves by what was cut away; seed: that of the training text."""

    model: str
    chance: float
    curves: Mapping[str, HealCurve]

    def as_dict(self) -> dict[str, Any]:
        """Return plain JSON values."""
        curves = {cut: curve.as_dict() for cut, curve in self.curves.items()}
        return {"model": self.model, "chance": self.chance, **curves}

    @classmethod
    def of(cls, table: Mapping[str, Any]) -> HealRun:
        """Return what `as_dict` gave."""
        curves = {cut: HealCurve.of(kept, table["chance"]) for cut, kept in table.items() if isinstance(kept, dict)}
        return cls(table["model"], table["chance"], curves)


@dataclass(frozen=True)
class HealData:
    """The curve of one cut as far as `steps`, beside the control; curves: all that were measured, by cut."""

    model: str
    cut: str
    steps: int
    chance: float
    curves: Mapping[str, HealCurve]

    @property
    def healed(self) -> float | None:
        """Share of the lost loss that is won back; None where nothing was lost. The intact model is the goal."""
        if NOTHING not in self.curves:
            return None
        whole, curve = self.curves[NOTHING].loss[0].value, self.curves[self.cut]
        lost = curve.loss[0].value - whole
        return None if lost <= 0.005 else (curve.loss[0].value - curve.loss[curve.at(self.steps)].value) / lost
