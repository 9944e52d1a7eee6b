"""SVF as an edit: the singular values of one matrix multiplied by given numbers, and put back bit for bit."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from labkit.base.errors import BadInput
from labkit.interventions import WeightEdit

from .spectrum import digest, rescaled, spectrum

__all__ = ["ScaleSpectrum", "band"]


@dataclass(frozen=True)
class ScaleSpectrum(WeightEdit):
    """Multiply singular value i of a matrix by `z[i]`, the largest first.

    of: the digest of the matrix for which z was learned; another matrix is then refused. Raises `BadInput` for numbers
    that are not finite; when shown a model, for a z of another length or of another matrix.
    """

    z: tuple[float, ...]
    of: str = ""

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "z", tuple(float(value) for value in self.z))
        if not self.z or not all(map(math.isfinite, self.z)):
            raise BadInput(f"z of {self.address} is empty or not finite.", expected="one finite number each")

    def values(self, old: Tensor) -> Tensor:
        """Return U diag(z σ) Vᵀ [out, in]; z = 1 is no change at all."""
        if self.of and digest(old) != self.of:
            raise BadInput(
                f"This z was learned for another matrix than the {self.address} of this model.",
                expected=f"the matrix {self.of}, here is {digest(old)}",
                do="learn it on this model, or leave out `of` to try a transplant (ScaleSpectrum(address, z))",
            )
        z_R = torch.tensor(self.z, dtype=old.dtype)
        new = rescaled(spectrum(old), z_R)
        return old if bool((z_R == 1).all()) else new.to(old.dtype)

    def __str__(self) -> str:
        low, high = min(self.z), max(self.z)
        return f"scale the {len(self.z)} singular values of {self.address} by {low:.3g} to {high:.3g}"


def band(rank: int, low: int, high: int, factor: float) -> tuple[float, ...]:
    """Return z that multiplies singular values `low` to `high` - 1 by `factor` and leaves the others."""
    if not 0 <= low <= high <= rank:
        raise BadInput(
            f"The band {low} to {high} does not fit {rank} singular values.", expected="0 ≤ low ≤ high ≤ rank"
        )
    return tuple(factor if low <= place < high else 1.0 for place in range(rank))
