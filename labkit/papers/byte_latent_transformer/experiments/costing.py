"""The mixer of compute: what a byte costs by parts, as patches grow."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..method.accounting import Cost, cost
from ..method.model import BLTConfig

__all__ = ["PAPER_SIZES", "Costs", "costs"]

PAPER_SIZES = {  # table 10 of the paper
    "ours": (BLTConfig(), 240),
    "400M": (BLTConfig(width=768, encoder=1, decoder=7, latent_width=1280, latent=24, heads=10, window=512), 8192),
    "1B": (BLTConfig(width=1024, encoder=1, decoder=9, latent_width=2048, latent=25, heads=16, window=512), 8192),
    "8B": (
        BLTConfig(width=1280, encoder=1, decoder=6, latent_width=4096, latent=32, heads=20, window=512, vectors=4),
        16384,
    ),
}


@dataclass(frozen=True)
class Costs:
    """What a byte costs at several patch sizes, for one model."""

    name: str
    costs: tuple[Cost, ...]

    def ratio(self, small: float, large: float) -> float:
        """Return the cost at the larger patch over that at the smaller."""
        total = {one.size: one.total for one in self.costs}
        return total[large] / total[small]

    def table(self) -> str:
        """Return one line a patch size: operations a byte, and the share the local models pay."""
        lines = [
            f"{one.size:6.1f} bytes {one.total:16,.0f} operations a byte, local models {one.local_share:4.0%}"
            for one in self.costs
        ]
        return "\n".join([f"{self.name}:", *lines])


def costs(name: str = "ours", sizes: Sequence[float] = (1, 2, 4.5, 9, 18)) -> Costs:
    """Return what a byte costs in our model or in one of the paper's (400M, 1B, 8B), at several mean patch sizes."""
    config, context = PAPER_SIZES[name]
    return Costs(name, tuple(cost(config, size, context) for size in sizes))
