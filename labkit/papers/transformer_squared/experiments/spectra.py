"""What lies where in a spectrum: shares of variance (figures 10 and 11), and what a band of singular values carries."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from labkit.anatomy import anatomy_of
from labkit.base.errors import BadInput
from labkit.base.results import Result
from labkit.interventions import edit

from ..method.adapters import matrices, part_of
from ..method.edits import ScaleSpectrum, band
from ..method.spectrum import spectrum
from .grading import Grades, grade

if TYPE_CHECKING:
    from labkit.zoo import ModelLike

__all__ = ["BandEffect", "SpectrumShares", "band_edits", "band_effect", "spectrum_shares"]


@dataclass(frozen=True)
class SpectrumShares(Result):
    """The share of a matrix's variance (Σσ²) that its largest singular values hold, by address."""

    top: float
    share: dict[str, float]

    def of_parts(self, *parts: str) -> float:
        """Return the mean over the matrices of some parts, such as "attn.q"."""
        held = [share for address, share in self.share.items() if part_of(address) in parts]
        return sum(held) / len(held)

    def table(self) -> str:
        """Return the mean of each part."""
        parts = dict.fromkeys(map(part_of, self.share))
        lines = [f"{part:10} {self.of_parts(part):.1%}" for part in parts]
        return "\n".join([f"share of the variance in the top {self.top:.0%} of singular values", *lines])


def spectrum_shares(model: ModelLike, top: float = 0.1, modules: str = "all") -> SpectrumShares:
    """Return the share of variance in the top `top` of the singular values of every matrix."""
    if not 0 < top <= 1:
        raise BadInput(f"top = {top} is no share.", expected="a number above 0, at most 1")
    shares = {}
    for address in matrices(model, modules):
        squares_R = spectrum(anatomy_of(model).view(address).read()).sigma_R.square()
        shares[address] = float(squares_R[: max(1, round(top * len(squares_R)))].sum() / squares_R.sum())
    return SpectrumShares(top, shares)


@dataclass(frozen=True)
class BandEffect(Result):
    """Grades of a model as it is and with a band of singular values multiplied by a factor."""

    low: float
    high: float
    factor: float
    intact: Grades
    cut: Grades

    @property
    def tasks(self) -> tuple[str, ...]:
        """The tasks that were graded."""
        return self.intact.tasks

    @property
    def lost(self) -> float:
        """The share of right answers that the change costs, mean of the tasks."""
        return sum(self.intact[task] - self.cut[task] for task in self.tasks) / len(self.tasks)

    def table(self) -> str:
        """Return both shares of every task."""
        lines = [f"{task:8} {self.intact[task]:6.1%} {self.cut[task]:6.1%}" for task in self.intact.right]
        return "\n".join(["task     intact    cut", *lines])


def band_edits(
    model: ModelLike, low: float, high: float, factor: float, where: str | Sequence[str] = "all"
) -> list[ScaleSpectrum]:
    """Return the edits that multiply the singular values from share `low` to share `high` of each spectrum.

    0 is the largest, 1 the end. where: a key of `MODULES`, or addresses.
    """
    if not 0 <= low <= high <= 1:
        raise BadInput(f"The band {low:g} to {high:g} is none.", expected="shares of the spectrum, 0 ≤ low ≤ high ≤ 1")
    addresses = matrices(model, where) if isinstance(where, str) and "." not in where else where
    made = []
    for address in [addresses] if isinstance(addresses, str) else addresses:
        rank = min(anatomy_of(model).view(address).shape)
        made.append(ScaleSpectrum(address, band(rank, round(low * rank), round(high * rank), factor)))
    return made


@torch.no_grad()
def band_effect(
    model: ModelLike,
    low: float,
    high: float,
    factor: float = 0.0,
    *,
    where: str | Sequence[str] = "all",
    tasks: Sequence[str] = ("sum", "rev", "max"),
    n: int = 300,
    intact: Grades | None = None,
) -> BandEffect:
    """Return what multiplying a band of the spectrum does to some tasks; `intact` saves measuring it again."""
    intact = intact or grade(model, tasks, n)
    with edit(model, *band_edits(model, low, high, factor, where)):
        return BandEffect(low, high, factor, intact, grade(model, tasks, n))
