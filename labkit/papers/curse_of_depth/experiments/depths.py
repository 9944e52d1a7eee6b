"""How many blocks are idle in models of several depths: the stored runs of 8 and 32 blocks, one length and one rate."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from labkit.base.results import Result
from labkit.measurements.estimate import Estimate, mean_over
from labkit.measurements.tables import text_table

from .block_runs import IDLE, BlockRuns, one_rate_blocks_path

__all__ = ["IdleByDepth", "idle_by_depth"]

KINDS = {"pre": "Pre-LN", "lns": "LayerNorm Scaling"}


@dataclass(frozen=True)
class IdleByDepth(Result):
    """Share of blocks that cost at most `IDLE` to lose: kind -> one estimate for each of `depths`, over seeds."""

    depths: tuple[int, ...]
    shares: Mapping[str, tuple[Estimate, ...]]

    def table(self) -> str:
        """Return one row a kind, one column a depth."""
        told = {
            kind: [f"{one.value:.2f} [{one.low:.2f}, {one.high:.2f}]" for one in line]
            for kind, line in self.shares.items()
        }
        columns = ["", *(f"{depth} blocks" for depth in self.depths)]
        return text_table(columns, [[kind, *line] for kind, line in told.items()], title="Share of idle blocks")


def idle_by_depth(depths: tuple[int, ...] = (8, 32)) -> IdleByDepth:
    """Return the idle shares of the stored runs; raise `UnknownName` for a depth that has none."""
    runs = BlockRuns.load(one_rate_blocks_path())
    shares = {
        name: tuple(
            mean_over(
                [run.idle / run.depth for run in runs.of(f"depth/{kind}-{depth}")],
                "seeds",
                method="t",
                name=f"{name}, {depth} blocks: cost at most {IDLE:g} nats",
                unit="share",
            )
            for depth in depths
        )
        for kind, name in KINDS.items()
    }
    return IdleByDepth(depths, shares)
