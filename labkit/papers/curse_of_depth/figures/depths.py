"""Idle blocks by depth, two bars a depth."""

from __future__ import annotations

from typing import TYPE_CHECKING

from labkit.figures.drawing import Drawing
from labkit.figures.plain import Bars, paint_bars

from ..experiments.block_runs import IDLE

if TYPE_CHECKING:
    from ..experiments.depths import IdleByDepth

__all__ = ["DRAWINGS"]


def _bars(found: IdleByDepth) -> Bars:
    told = (
        f"{kind}, " + " and ".join(f"{one.value:.2f} of {depth} blocks" for depth, one in zip(found.depths, line))
        for kind, line in found.shares.items()
    )
    return Bars(
        title="Idle blocks after 200 steps, mean of five models",
        labels=[f"{depth} blocks" for depth in found.depths],
        groups={kind: [one.value for one in line] for kind, line in found.shares.items()},
        intervals={kind: [(one.low, one.high) for one in line] for kind, line in found.shares.items()},
        x_label=f"share of blocks that cost at most {IDLE:g} nats to lose",
        sentence=f"Idle: {'; '.join(told)}.",
        digits=2,
    )


DRAWINGS = {
    "IdleByDepth": Drawing(
        lambda found, figure: paint_bars(_bars(found), figure),
        lambda found: _bars(found).sentence,
        lambda found: (8.6, 1.1 + 0.5 * len(found.depths)),
    ),
}
