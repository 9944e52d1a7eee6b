"""A first look at many norms, factors, scales and first values: stored training losses, by family."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from labkit.base.results import Result
from labkit.measurements.tables import text_table
from labkit.training import Curves

from .block_runs import DEPTH_KINDS, placements_path

__all__ = ["FAMILIES", "PlacementLosses", "placement_losses"]

FAMILIES = {
    "where the norm stands": ("depth/pre", "depth/post", "depth/sandwich", "depth/mix", "depth/deepnorm"),
    "a fixed factor": ("depth/lns", "depth/lns-full", "depth/lns-branch"),
    "a learned scale": ("depth/skipinit", "depth/rezero", "depth/layerscale"),
    "smaller first values": ("depth/pre-scaled", "depth/lns-scaled"),
}

SMALLER = {"depth/pre-scaled": "Pre-LN, smaller values", "depth/lns-scaled": "Scaling, smaller values"}


@dataclass(frozen=True)
class PlacementLosses(Result):
    """Mean training loss of the last steps, nats a token: family -> kind -> one number for each of `rates`.

    diverged: what was trained and has no loss, in words.
    """

    rates: tuple[float, ...]
    losses: Mapping[str, Mapping[str, tuple[float, ...]]]
    diverged: tuple[str, ...] = ()

    def kinds(self) -> dict[str, tuple[float, ...]]:
        """Return the losses of every kind, whatever its family."""
        return {kind: line for family in self.losses.values() for kind, line in family.items()}

    def table(self) -> str:
        """Return one row a kind, one column a rate."""
        rows = [
            [f"{family}: {kind}", *(f"{loss:.2f}" for loss in line)]
            for family, kinds in self.losses.items()
            for kind, line in kinds.items()
        ]
        return text_table(["", *(f"at {rate:g}" for rate in self.rates)], rows, title="Training loss, nats a token")


def placement_losses() -> PlacementLosses:
    """Return the stored first look; a kind that diverged at any rate is named and left out."""
    curves = Curves.load(placements_path())
    rates = tuple(sorted({run.lr for run in curves}))
    last = {recipe: {run.lr: run.last_loss for run in curves.of(recipe)} for recipe in curves.recipes}
    broken = {run.recipe: f"{DEPTH_KINDS[run.recipe]} at {run.lr:g}: {run.said}" for run in curves.diverged}
    names = DEPTH_KINDS | SMALLER
    losses = {
        family: {names[one]: tuple(last[one][rate] for rate in rates) for one in recipes if one not in broken}
        for family, recipes in FAMILIES.items()
    }
    return PlacementLosses(rates, losses, tuple(broken.values()))
