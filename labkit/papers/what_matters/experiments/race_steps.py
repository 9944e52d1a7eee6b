"""What the race is asked and what it answers, as values; nothing here needs torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from labkit.measurements.estimate import Estimate
from labkit.panels.stored import estimate_of, summary

if TYPE_CHECKING:
    from .race import Race

__all__ = ["MOST", "PROBES", "STRATEGIES", "RaceData", "RaceRun", "RaceState"]

MOST = 12  # parts that are dropped at most
STRATEGIES = {
    "attention": "attentions, lowest score first",
    "mlp": "MLPs, lowest score first",
    "block": "whole blocks, lowest score first (each counts once, and is two parts)",
    "joint": "attentions and MLPs in one list",
    "random": "attentions and MLPs in random orders",
}
PROBES = {"copying a list": "copying", "who has the lantern": "lantern", "facts": "facts", "recalling a list": "recall"}

# The function of `world` that asks for a skill.
QUESTIONS = {
    "copying": "copying_questions",
    "lantern": "questions",
    "facts": "facts_questions",
    "recall": "recall_questions",
}

Line = tuple[Estimate, ...]


@dataclass(frozen=True)
class RaceState:
    """How many parts are gone, and which skill is asked for beside the loss."""

    gone: int = 1
    probe: str = "copying"


@dataclass(frozen=True)
class RaceRun:
    """What every strategy costs after each count of drops.

    base: loss of the intact model; guess: that of guessing each token by how frequent it is. loss: change of loss by
    strategy (null 0). intact: share of right answers by probe; probes: the same by strategy (null: chance). orders:
    the parts in the order in which they go. Random orders: means over several, intervals over the orders.
    """

    model: str
    counts: tuple[int, ...]
    base: Estimate
    guess: float
    loss: Mapping[str, Line]
    intact: Mapping[str, Estimate]
    probes: Mapping[str, Mapping[str, Line]]
    orders: Mapping[str, tuple[str, ...]]

    def as_dict(self) -> dict[str, Any]:
        """Return plain JSON values."""
        kept: dict[str, Any] = {"model": self.model, "counts": self.counts, "base": summary(self.base)}
        kept |= {"guess": round(self.guess, 4), "orders": self.orders, "loss": _kept(self.loss)}
        for probe, lines in self.probes.items():
            one = self.intact[probe]
            kept[probe] = {"intact": summary(one), "chance": one.null, **_kept(lines)}
        return kept

    @classmethod
    def of_races(
        cls,
        model: str,
        loss: Race,
        guess: float,
        skills: Mapping[str, Race],
        chances: Mapping[str, float],
        orders: Mapping[str, tuple[str, ...]],
    ) -> RaceRun:
        """Return one race of the loss and one of each skill as a single result, the skills beside their chance."""

        def beside(one: Estimate, probe: str) -> Estimate:  # Student's interval over orders knows no ends
            return replace(one, low=max(0.0, one.low), high=min(1.0, one.high), null=chances[probe])

        intact = {probe: beside(found.base, probe) for probe, found in skills.items()}
        probes = {
            probe: {name: tuple(beside(one, probe) for one in line) for name, line in found.measured.items()}
            for probe, found in skills.items()
        }
        return cls(model, loss.counts, loss.base, guess, loss.lines, intact, probes, orders)

    @classmethod
    def of(cls, table: Mapping[str, Any]) -> RaceRun:
        """Return what `as_dict` gave."""
        probes = {name: dict(kept) for name, kept in table.items() if name in PROBES.values()}
        chances = {name: kept.pop("chance") for name, kept in probes.items()}
        about = {name: {"name": name, "unit": "share", "null": chance} for name, chance in chances.items()}
        change = {"name": "change of loss", "unit": "nats/token", "null": 0.0}
        intact = {
            name: estimate_of(kept.pop("intact"), over="questions", **about[name]) for name, kept in probes.items()
        }
        return cls(
            model=table["model"],
            counts=tuple(table["counts"]),
            base=estimate_of(table["base"], name="loss", unit="nats/token", over="documents"),
            guess=table["guess"],
            loss=_lines(table["loss"], "documents", change),
            intact=intact,
            probes={name: _lines(kept, "questions", about[name]) for name, kept in probes.items()},
            orders={name: tuple(parts) for name, parts in table["orders"].items()},
        )


def _kept(lines: Mapping[str, Line]) -> dict[str, list]:
    return {name: [summary(one) for one in line] for name, line in lines.items()}


def _lines(kept: Mapping[str, list], over: str, about: Mapping[str, Any]) -> dict[str, Line]:
    return {
        name: tuple(estimate_of(row, over="orders" if name == "random" else over, **about) for row in rows)
        for name, rows in kept.items()
    }


@dataclass(frozen=True)
class RaceData:
    """A race as far as `gone` parts, with one skill beside the loss."""

    gone: int
    probe: str
    race: RaceRun

    def kept_loss(self, strategy: str) -> float:
        """Return the share of what was learnt that is left: 1 intact, 0 at guessing by frequency."""
        race = self.race
        return 1 - race.loss[strategy][self.gone].value / (race.guess - race.base.value)

    def kept_skill(self, strategy: str) -> float:
        """Return the same of the skill: 1 as intact, 0 at chance."""
        whole = self.race.intact[self.probe]
        share = self.race.probes[self.probe][strategy][self.gone].value
        return (share - whole.null) / (whole.value - whole.null)


NAMES = {"attention": "attention", "mlp": "MLP", "block": "block", "joint": "joint", "random": "random"}
