"""Record what every neuron says to a prompt: its output, pooled over the prompt's tokens (section 3.2).

o[n, m] = mean over tokens t of the output of neuron m at t            signed, begin token included
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from labkit.anatomy import observe
from labkit.base.errors import BadInput, unknown

from .neurons import MODULES, Layout, outputs_at

if TYPE_CHECKING:
    from labkit.zoo import ModelLike

__all__ = ["POOLS", "by_length", "record_pooled"]

POOLS: dict[str, Callable[[Tensor], Tensor]] = {
    "mean": lambda o_BLF: o_BLF.mean(dim=1),
    "last": lambda o_BLF: o_BLF[:, -1],
    "max": lambda o_BLF: o_BLF.amax(dim=1),
}
BATCH = 512


def record_pooled(model: ModelLike, prompts: Sequence[Tensor], layout: Layout, pool: str = "mean") -> Tensor:
    """Return o [N, M]: the pooled output of each neuron of `layout` on each prompt (token ids [L]).

    Raises `UnknownName` for a pooling there is not, `BadInput` for no prompts or an empty one.
    """
    if pool not in POOLS:
        raise unknown("pooling", pool, list(POOLS))
    pooled_NM = torch.empty(len(prompts), len(layout))
    for rows, ids_BL in by_length(prompts):

        def keep(place: slice, mine: Tensor, rows: Tensor = rows) -> Callable[[Tensor], None]:
            return lambda o_BLF: pooled_NM.__setitem__((rows, place), POOLS[pool](o_BLF)[:, mine].float())

        watchers = []
        for start, (layer, module, size) in zip(layout.starts, layout.blocks):
            site, mine = outputs_at(model, f"layers.{layer}.{MODULES[module]}")
            watchers.append((site, keep(slice(start, start + size), mine)))
        observe(model, ids_BL, watchers)
    return pooled_NM


def by_length(prompts: Sequence[Tensor]) -> list[tuple[Tensor, Tensor]]:
    """Return (rows, ids [B, L]) batches of equal length: no padding, so that every token counts."""
    if not prompts:
        raise BadInput("There are no prompts.", expected="at least one")
    lengths = [len(ids) for ids in prompts]
    if not min(lengths):
        raise BadInput(f"Prompt {lengths.index(0)} is empty.", expected="at least one token in each")
    batches = []
    for length in sorted(set(lengths)):
        rows = [row for row, held in enumerate(lengths) if held == length]
        for start in range(0, len(rows), BATCH):
            some = rows[start : start + BATCH]
            batches.append((torch.tensor(some), torch.stack([prompts[row] for row in some])))
    return batches
