"""SVF: a matrix W = U Σ Vᵀ whose singular values are rescaled by a learned vector z (Sun et al. 2025, section 3.2).

    W' = U diag(z ⊗ σ) Vᵀ = Σ_i z_i σ_i u_i v_iᵀ

U, Σ and V stay as they are; z has as many numbers as the matrix has singular values. `rescaled` is this formula, with
z = 1 for no change. `renormalised` is what the released code computes from a free vector p: z = sigmoid(p), and then
one factor that keeps the sum of all singular values.
"""

from __future__ import annotations

import hashlib
from functools import lru_cache
from typing import NamedTuple

import torch
from torch import Tensor

from labkit.base.errors import BadInput

__all__ = ["Spectrum", "digest", "multipliers", "renormalised", "rescaled", "spectrum"]


class Spectrum(NamedTuple):
    """A thin singular value decomposition: U [out, r], σ [r] from large to small, Vᵀ [r, in]; r = min(out, in)."""

    U_OR: Tensor
    sigma_R: Tensor
    Vt_RI: Tensor


def spectrum(weight_OI: Tensor) -> Spectrum:
    """Return the decomposition of a matrix [out, in]; the same matrix is decomposed once."""
    if weight_OI.dim() != 2:
        raise BadInput(f"A tensor of shape {list(weight_OI.shape)} has no spectrum.", expected="a matrix [out, in]")
    return _decomposed(_Known(weight_OI.detach()))


def rescaled(parts: Spectrum, z_R: Tensor) -> Tensor:
    """Return W' = U diag(z ⊗ σ) Vᵀ [out, in]; differentiable in z alone."""
    if z_R.shape != parts.sigma_R.shape:
        raise BadInput(
            f"z has {z_R.numel()} numbers, the matrix {len(parts.sigma_R)} singular values.",
            expected="one number for each singular value",
            do="take the z that was learned for this matrix",
        )
    return (parts.U_OR * (z_R * parts.sigma_R)) @ parts.Vt_RI


def renormalised(parts: Spectrum, p_R: Tensor) -> Tensor:
    """Return W' of the released code: `rescaled` by `multipliers(p)`."""
    return rescaled(parts, multipliers(parts.sigma_R, p_R))


def multipliers(sigma_R: Tensor, p_R: Tensor) -> Tensor:
    """Return z = m · Σσ / Σ(m σ) with m = sigmoid(p): the sum of the singular values stays what it was."""
    m_R = torch.sigmoid(p_R)
    return m_R * (sigma_R.sum() / (m_R * sigma_R).sum())


def digest(weight_OI: Tensor) -> str:
    """Return 12 hexadecimal digits that tell one matrix from another."""
    flat = weight_OI.detach().float().contiguous().cpu().numpy()
    return hashlib.blake2b(flat.tobytes(), digest_size=6).hexdigest()


class _Known:
    """A matrix as a key: equal when every number is."""

    def __init__(self, weight: Tensor):
        self.weight, self.key = weight, (tuple(weight.shape), str(weight.dtype), digest(weight))

    def __hash__(self) -> int:
        return hash(self.key)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Known) and self.key == other.key


@lru_cache(maxsize=256)
def _decomposed(known: _Known) -> Spectrum:
    with torch.no_grad():
        weight = known.weight.clone()
        return Spectrum(*torch.linalg.svd(weight.float() if weight.itemsize < 4 else weight, full_matrices=False))
