"""How far the stream turns and moves from block to block.

Angular distance of two streams a, b in R^D: arccos(a·b / |a||b|) / π, from 0 (same direction) over 0.5 (orthogonal)
to 1 (opposite), at one token, then averaged (Gromov et al. 2024; The Curse of Depth, section 2). Adjacent distances
near 0 are the rule in a residual net: the published heat maps of this kind may be stretched row by row, which
`row_normalised` does on demand.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from labkit.anatomy import anatomy_of, record
from labkit.base.errors import BadInput, unknown
from labkit.base.results import Result
from labkit.measurements.estimate import Estimate, bootstrap_interval, mean_over
from labkit.measurements.profiles import LayerProfile, profile
from labkit.measurements.runs import batches, checked_documents
from labkit.measurements.tables import text_table

if TYPE_CHECKING:
    from labkit.zoo import ModelLike

__all__ = ["AngularDistances", "angular_distance", "angular_distances", "relative_updates"]

Rows = tuple[tuple[float, ...], ...]


def angular_distance(a: Tensor, b: Tensor) -> Tensor:
    """Return the angle between a and b [..., D] divided by π, as float64 [...]; 0.5 where one of them is zero.

    By the half-angle form of Kahan, which keeps its digits where arccos of a cosine near 1 loses them.
    """
    a, b = (x.double() / x.double().norm(dim=-1, keepdim=True).clamp_min(1e-300) for x in (a, b))
    return 2 * torch.atan2((a - b).norm(dim=-1), (a + b).norm(dim=-1)) / math.pi


@dataclass(frozen=True, kw_only=True)
class AngularDistances(Result):
    """Distances between the inputs of blocks: `value[n - 1][l]` from block l to n blocks on (l + n = N: the end).

    Row n has N + 1 - n entries. low, high: the interval over n documents. tokens: "all" or "last".
    adjacent: row 1 as estimates that keep their documents.
    """

    value: Rows
    low: Rows
    high: Rows
    adjacent: tuple[Estimate, ...]
    tokens: str
    n: int

    @property
    def depth(self) -> int:
        """The number of blocks."""
        return len(self.value)

    def row_normalised(self) -> Rows:
        """Return every row stretched to 0 … 1: contrast is made here, not measured."""
        stretched = []
        for row in self.value:
            low, high = min(row), max(row)
            stretched.append(tuple((x - low) / (high - low) if high > low else 0.0 for x in row))
        return tuple(stretched)

    def table(self) -> str:
        """Return one row per first block and one column per number of blocks passed, up to eight."""
        spans = range(1, min(8, self.depth) + 1)
        rows = [
            [str(l), *(f"{self.value[n - 1][l]:.3f}" if l < len(self.value[n - 1]) else "" for n in spans)]
            for l in range(self.depth)
        ]
        title = f"Angular distance over π, {self.tokens} token{'s' * (self.tokens == 'all')} of {self.n} documents"
        return text_table(["from block", *(f"+{n}" for n in spans)], rows, title=title)


def angular_distances(
    model: ModelLike, documents: Sequence, *, tokens: str = "all", skip: int = 0, seed: int = 0
) -> AngularDistances:
    """Return the angular distance of every pair of block boundaries, the mean over tokens, then over documents.

    tokens: "all", or "last" (one per document, as the paper's code has it). skip: first tokens to leave out.
    """
    if tokens not in ("all", "last"):
        raise unknown("choice of tokens", tokens, ("all", "last"))
    streams = _streams(model, documents, skip)
    depth, found = anatomy_of(model).depth, []
    for h_NLD in streams:
        h_NLD = h_NLD[:, -1:] if tokens == "last" else h_NLD
        found.append([angular_distance(h_NLD[:-n], h_NLD[n:]).mean(dim=1).numpy() for n in range(1, depth + 1)])
    rows = {"value": [], "low": [], "high": []}
    for n in range(depth):
        per_document = np.stack([distances[n] for distances in found])
        low, high = bootstrap_interval(per_document, seed=seed)
        for name, row in (("value", per_document.mean(axis=0)), ("low", low), ("high", high)):
            rows[name].append(tuple(row.tolist()))
    adjacent = tuple(
        mean_over([float(distances[0][l]) for distances in found], seed=seed, name=f"angular distance, block {l}")
        for l in range(depth)
    )
    return AngularDistances(**{k: tuple(v) for k, v in rows.items()}, adjacent=adjacent, tokens=tokens, n=len(found))


def relative_updates(model: ModelLike, documents: Sequence, *, skip: int = 0, seed: int = 0) -> LayerProfile:
    """Return by how much each block moves the stream: |h_after - h_before| / |h_before|, the mean over tokens."""
    found: list[list[float]] = [[] for _ in range(anatomy_of(model).depth)]
    for h_NLD in _streams(model, documents, skip):
        moved_NL = (h_NLD[1:] - h_NLD[:-1]).norm(dim=-1) / h_NLD[:-1].norm(dim=-1).clamp_min(1e-300)
        for layer, value in enumerate(moved_NL.mean(dim=1).tolist()):
            found[layer].append(value)
    return profile("How far does each block move the stream?", "|change| / |stream|", {"block": found}, seed=seed)


def _streams(model: ModelLike, documents: Sequence, skip: int) -> list[Tensor]:
    """Return for each document the stream [N + 1, L, D] at the boundaries: before block 0 … after the last."""
    if skip < 0:
        raise BadInput(f"skip = {skip} tokens.", expected="0 or more")
    checked = checked_documents(model, documents, shortest=skip + 1)
    sites = ["embed", *(f"layers.{layer}" for layer in range(anatomy_of(model).depth))]
    found: list[Tensor] = [torch.empty(0)] * len(checked)
    for batch in batches(model, checked):
        streams = record(model, batch.ids_BL, sites)
        for row, place in enumerate(batch.index):
            found[place] = torch.stack([streams[site][row, skip:] for site in sites]).cpu().double()
    return found
