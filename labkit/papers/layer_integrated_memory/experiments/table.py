"""The table of all runs that lesson 09 stands on, as committed: what training found, and what the models hold.

`collect` adds to it what has been trained since (weights stay out of the repository, but for the shipped pair).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from labkit.base.data import data_dir
from labkit.base.errors import NotAvailable
from labkit.models import load
from labkit.training.runs import Runs

from ..training import GROUPS, TABLE, Run, best_rate, weights_of
from . import collapse, routing
from .reading import unseen

if TYPE_CHECKING:
    from labkit.zoo import ModelLike

__all__ = ["DO", "by_seed", "collect", "measure_model", "runs", "steps_to"]

DO = "python -m labkit.papers.layer_integrated_memory.training, then .experiments.table.collect()"
PATH = "09_arithmetic.jsonl"


def runs() -> Runs:
    """Return the committed table."""
    return Runs(data_dir() / "sweeps" / PATH)


def by_seed(
    arm: str, seeds: Sequence[int], *, operands: int = 4, steps: int = 1200, depth: int = 4, width: int = 16
) -> list[dict]:
    """Return the runs of an arm at its best rate, seed by seed; raise `NotAvailable` naming those that are missing."""
    rung = {"operands": operands, "steps": steps, "depth": depth, "width": width}
    found = {run["seed"]: run for run in runs().where(arm=arm, lr=best_rate(arm, **rung), **rung)}
    if missing := [seed for seed in seeds if seed not in found]:
        raise NotAvailable(
            f"The runs of {arm} with {operands} operands, {steps} steps and the seeds {missing} are not there.", do=DO
        )
    return [found[seed] for seed in seeds]


def steps_to(losses: Sequence[float], target: float, every: int) -> float | None:
    """Return the first step at which a curve is at most `target`, between two looks by a straight line; None if never.

    `losses[i]` was seen after i · every steps.
    """
    for place, loss in enumerate(losses):
        if loss <= target:
            if place == 0:
                return 0.0
            before = losses[place - 1]
            return every * (place - 1 + (before - target) / (before - loss))
    return None


def collect(folder: Path | None = None) -> int:
    """Add what has been made since to the committed table, whole groups only; return how many runs were added.

    The model of a run is measured where the ledger asks for more than loss and share solved.
    """
    added, known, made = 0, runs(), Runs(folder or TABLE)
    for group in GROUPS.values():
        rows = [made.find(**asdict(run)) for run in group]
        for run, row in zip(group, rows if None not in rows else ()):
            if known.find(**asdict(run)) is None:
                held = measure_model(load(weights_of(run)), run.operands) if _is_looked_into(run) else {}
                found = {name: value for name, value in row.items() if name not in asdict(run)}
                known.do(asdict(run), lambda found=found, held=held: {**found, **held})
                added += 1
    return added


def _is_looked_into(run: Run) -> bool:
    """Say whether the ledger asks for more than loss and share solved: of the pairs at the lesson's own length."""
    return run.arm in ("base", "lime") and (run.operands, run.steps, run.depth, run.width) == (4, 1200, 4, 16)


def measure_model(model: ModelLike, operands: int) -> dict[str, Any]:
    """Return what the ledger asks of one trained model, rounded for the table; rows are those of `reading.unseen`."""
    rows = unseen(300, operands)
    found: dict[str, Any] = {}
    for name, held in (
        ("entropy", collapse.value_entropy(model, rows)),
        ("apart", collapse.separability(model, rows)),
        ("apart_signs", collapse.separability(model, rows, symbols="+-*")),
    ):
        found[name] = {kind: [round(one.value, 4) for one in layers] for kind, layers in held.values.items()}
    shares = routing.routing_map(model, rows).shares
    found["reads"] = [[round(share, 4) for share in row] for row in shares]
    if any("routers" in name and value.numel() for name, value in model.named_parameters()):
        costs = routing.edge_costs(model, rows)
        found["cuts"] = {f"{a}<{b}": round(one.value, 4) for (a, b), one in costs.costs.items()}
        found["past"] = round(costs.past.value, 4)
        pruned = routing.prune(model, rows)
        found["pruned"] = {
            f"{share:g}": [round(x, 4) for x in one] for share, one in zip(pruned.shares, pruned.smallest)
        }
    return found
