"""What a lost block costs in two kinds of separately trained models, as values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["WORDS", "PairData"]

WORDS = {"block": "the whole block", "attention": "its attention", "mlp": "its MLP"}


@dataclass(frozen=True)
class PairData:
    """Costs in nats a token: by kind of model, by seed, one per block. losses: of the intact models."""

    block: int
    part: str
    step: str
    costs: Mapping[str, Mapping[int, tuple[float, ...]]]
    losses: Mapping[str, Mapping[int, float]]

    def means(self, name: str) -> list[float]:
        """Return the mean over seeds of each block's cost."""
        rows = list(self.costs[name].values())
        return [sum(column) / len(rows) for column in zip(*rows)]

    def chosen(self, name: str) -> dict[int, float]:
        """Return the cost of the chosen block by seed."""
        return {seed: row[self.block - 1] for seed, row in self.costs[name].items()}
