"""Round-to-nearest: numbers moved to the nearest of a few levels, block by block.

A block is a run of neighbours in the flattened matrix [out, in], the last one shorter where the length does not
divide. Its levels lie between its least and its largest number, or what is left of them after clipping:

int        2^bits levels at equal distance Δ = (high - low) / (2^bits - 1). The paper writes 2^(bits - 1) - 1; the
           authors' code has 2^bits - 1 (Yu et al. 2024, section 4)
stretched  the same, the outer two levels half a step inside the ends (the code's "scale shift")
normal     denser where a normal distribution is: NF4 and its kin (Dettmers et al. 2023, appendix E)

clip_by says above which size |w| numbers are clipped: "z" mean(|w|) + clip · std(|w|) of the block, "iqr"
q3 + clip · (q3 - q1) of |w| in the block, "block" the share `clip` of largest |w| in each block, "tensor" in all.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from statistics import NormalDist
from typing import Any

import torch
from torch import Tensor

from labkit.base.errors import BadInput, unknown

from .edits import number

__all__ = ["CLIPS", "GRIDS", "Rounding", "levels_of_normal"]

GRIDS = ("int", "stretched", "normal")
CLIPS = ("z", "iqr", "block", "tensor")
MOST_BITS = 16
_SHIFT = 0.49  # of a step, by which the stretched grid starts inside the range; as in the authors' code


@dataclass(frozen=True, kw_only=True)
class Rounding:
    """How numbers are rounded: bits, block (numbers in one; None: all in one), clipping, grid, symmetric about 0.

    Raises `BadInput` for bits outside 2 to 16, a block below 1, a clip that is not above 0.
    """

    bits: int
    block: int | None = None
    clip: float | None = None
    clip_by: str = "z"
    grid: str = "int"
    symmetric: bool = False

    def __post_init__(self) -> None:
        if not _whole(self.bits) or not 2 <= self.bits <= MOST_BITS:
            raise BadInput(f"bits = {self.bits!r} make no grid.", expected=f"a whole number from 2 to {MOST_BITS}")
        if self.block is not None and (not _whole(self.block) or self.block < 1):
            raise BadInput(
                f"block = {self.block!r} numbers.", expected="a whole number from 1 up, or None for one block"
            )
        if self.grid not in GRIDS:
            raise unknown("grid", self.grid, GRIDS)
        if self.clip_by not in CLIPS:
            raise unknown("way to clip", self.clip_by, CLIPS)
        if self.clip is not None:
            object.__setattr__(self, "clip", number("clip", self.clip))
            if self.clip <= 0 or (self.clip_by in ("block", "tensor") and self.clip >= 1):
                share = ", below 1 since it is a share" if self.clip_by in ("block", "tensor") else ""
                raise BadInput(f"clip = {self.clip:g} would clip everything or nothing.", expected=f"above 0{share}")

    def __call__(self, values: Tensor) -> Tensor:
        """Return `values` of any shape rounded, in their own number format.

        Raises `BadInput` when they hold what is no number, or are fewer than one block.
        """
        return self.parts(values)[0]

    def parts(self, values: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return the rounded values, and the ends `low` and `high` [blocks] between which each block's levels lie."""
        if not values.isfinite().all():
            raise BadInput("Among the numbers to round are some that are none.", do="mend the model first")
        if self.block is not None and self.block > values.numel():
            raise BadInput(
                f"A block of {self.block:,} is larger than the {values.numel():,} numbers to round.",
                expected=f"at most {values.numel():,}, or None for one block",
            )
        flat = values.detach().double().flatten()
        size = self.block or len(flat)
        whole = len(flat) // size * size
        cap = self._cap_of_all(flat)
        pieces = [self._round(flat[:whole].view(-1, size), cap)]
        if whole < len(flat):
            pieces.append(self._round(flat[whole:].view(1, -1), cap))
        rounded = torch.cat([piece[0].flatten() for piece in pieces]).view(values.shape)
        low, high = (torch.cat([piece[end].flatten() for piece in pieces]) for end in (1, 2))
        return rounded.to(values.dtype), low, high

    def _round(self, x_NS: Tensor, cap: Tensor | None) -> tuple[Tensor, Tensor, Tensor]:
        """Round N blocks of S numbers."""
        if self.clip is not None:
            cap = self._cap(x_NS) if cap is None else cap
            x_NS = x_NS.clamp(-cap, cap)
        low, high = x_NS.amin(dim=1, keepdim=True), x_NS.amax(dim=1, keepdim=True)
        if self.symmetric:
            high = torch.maximum(-low, high)
            low = -high
        flat = high == low  # a constant block is its own level
        width = torch.where(flat, 1.0, high - low)
        share_NS = ((x_NS - low) / width).clamp(0.0, 1.0)
        moved_NS = self._nearest(share_NS)
        # The ends themselves, not what arithmetic makes of them: rounding twice is then rounding once.
        rounded = torch.where(moved_NS == 1.0, high, low + width * moved_NS)
        return torch.where(flat, x_NS, rounded), low, high

    def _nearest(self, share_NS: Tensor) -> Tensor:
        """Return shares of the range, 0 to 1, moved to the nearest level."""
        if self.grid == "normal":
            levels = (share_NS.new_tensor(levels_of_normal(self.bits)) + 1) / 2
            return levels[torch.bucketize(share_NS, (levels[1:] + levels[:-1]) / 2)]
        top = 2**self.bits - (2 if self.symmetric else 1)  # symmetric: as many levels on either side of 0
        if self.grid == "int":
            return (share_NS * top).round() / top
        top, scale = 2**self.bits - 1, 2**self.bits - 0.01
        return ((share_NS * scale - _SHIFT).round().clamp(0, top) + _SHIFT) / scale

    def _cap(self, x_NS: Tensor) -> Tensor:
        """Return above which size the numbers of each block are clipped [N, 1]."""
        size_NS = x_NS.abs()
        if self.clip_by == "z":
            spread = size_NS.std(dim=1, keepdim=True) if size_NS.shape[1] > 1 else torch.zeros_like(size_NS)
            return size_NS.mean(dim=1, keepdim=True) + self.clip * spread
        if self.clip_by == "iqr":
            ordered = size_NS.sort(dim=1).values
            q1, q3 = (_quantile(ordered, at) for at in (0.25, 0.75))
            return q3 + self.clip * (q3 - q1)
        return _largest(size_NS, self.clip)

    def _cap_of_all(self, flat: Tensor) -> Tensor | None:
        by_tensor = self.clip is not None and self.clip_by == "tensor"
        return _largest(flat.abs()[None], self.clip) if by_tensor else None

    def __str__(self) -> str:
        where = "in one block" if self.block is None else f"in blocks of {self.block}"
        grid = "" if self.grid == "int" else f", {self.grid} grid"
        clip = "" if self.clip is None else f", clipped by {self.clip_by} {self.clip:g}"
        return f"to {self.bits} bits {where}{', symmetric' if self.symmetric else ''}{grid}{clip}"


@lru_cache
def levels_of_normal(bits: int) -> tuple[float, ...]:
    """Return the 2^bits levels from -1 to 1 of a normal-float grid, 0 among them (NF4 for four bits)."""
    half, place = 2 ** (bits - 1), NormalDist().inv_cdf
    offset = 1 - (1 / (2 * (2 * half - 1)) + 1 / (4 * half)) / 2  # how far out the last quantile lies
    above = [place(offset + (0.5 - offset) * step / half) for step in range(half)]
    below = [-place(offset + (0.5 - offset) * step / (half - 1)) for step in range(half - 1)]
    return tuple(sorted(value / above[0] for value in [*above, 0.0, *below]))


def _quantile(ordered_NS: Tensor, at: float) -> Tensor:
    """Return a quantile of sorted rows [N, 1], linear between neighbours (torch.quantile refuses long rows)."""
    place = at * (ordered_NS.shape[1] - 1)
    below, above = ordered_NS[:, [math.floor(place)]], ordered_NS[:, [math.ceil(place)]]
    return below + (above - below) * (place - math.floor(place))


def _largest(size_NS: Tensor, share: float) -> Tensor:
    """Return the size of the last number among the largest `share` of each row, at least one [N, 1]."""
    count = max(1, int(size_NS.shape[1] * share))
    return size_NS.topk(count, dim=1).values[:, -1:]


def _whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
