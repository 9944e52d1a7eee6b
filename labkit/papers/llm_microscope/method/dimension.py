"""Intrinsic dimension (TwoNN) and anisotropy of a cloud of states.

TwoNN: r₁ ≤ r₂ are the distances to the two nearest neighbours. On a locally uniform d-dimensional cloud μ = r₂ / r₁ has
P(μ ≤ x) = 1 - x^-d (Facco et al. 2017, eq. 5), so -log(1 - F(μ)) against log μ is a line through 0 with slope d.
Anisotropy: the largest eigenvalue of the covariance as a share of all (Razzhigaev et al. 2024).

Shapes: N points, D width.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from labkit.base.errors import BadInput, unknown

__all__ = ["KEPT", "anisotropy", "anisotropy_by_power", "distinct", "two_nn"]

# Share of the sorted ratios that the line is fitted to: the released code keeps a fifth, Facco drops the top tenth.
KEPT = {"released": 0.2, "facco": 0.9}
LEAST = 20


def distinct(x_ND: Tensor) -> Tensor:
    """Return the points with exact repetitions left out, in order of first appearance.

    The same word at the embedding, or the begin token, is one point however often it occurs.
    """
    _, inverse = torch.unique(x_ND, dim=0, return_inverse=True)
    first = torch.full((int(inverse.max()) + 1,), len(x_ND)).scatter_reduce(
        0, inverse.cpu(), torch.arange(len(x_ND)), "amin"
    )
    return x_ND[first.sort().values]


def two_nn(x_ND: Tensor, *, rule: str = "facco") -> float:
    """Return the intrinsic dimension; `rule` is "facco", "released" (lowest fifth) or "mle" (N - 1 over Σ log μ).

    Repeated points are left out first: kept, they leave gaps in F and make any cloud look high-dimensional.
    Raises `BadInput` for fewer than twenty different points.
    """
    if rule not in (*KEPT, "mle"):
        raise unknown("rule of TwoNN", rule, (*KEPT, "mle"))
    if not x_ND.isfinite().all():
        raise BadInput("Some of these states are not finite.", expected="finite numbers")
    x_ND = distinct(x_ND.double())
    if len(x_ND) < LEAST:
        raise BadInput(f"There are {len(x_ND)} different points.", expected=f"at least {LEAST}", do="give more tokens")
    log_mu = _ratios(x_ND).log().sort().values
    if rule == "mle":
        return (len(log_mu) - 1) / float(log_mu.sum())
    kept = max(2, int(KEPT[rule] * len(log_mu)))
    x, y = log_mu[:kept], -torch.log1p(-torch.arange(1, kept + 1, dtype=torch.float64) / len(log_mu))
    return float(x @ y / (x @ x))


def _ratios(x_ND: Tensor) -> Tensor:
    """Return μ of each point [N], a slice of the distances at a time."""
    rows = [torch.cdist(part, x_ND, compute_mode="donot_use_mm_for_euclid_dist") for part in x_ND.split(512)]
    nearest = torch.cat([row.topk(3, largest=False).values[:, 1:] for row in rows])
    return nearest[:, 1] / nearest[:, 0].clamp_min(math.ulp(1.0))


def anisotropy(x_ND: Tensor) -> float:
    """Return λ₁ / Σλ of the centred covariance, exactly: 1 on a line, 1 / D in a round cloud."""
    s = torch.linalg.svdvals(_centred(x_ND))
    return float(s[0] ** 2 / s.square().sum())


def anisotropy_by_power(x_ND: Tensor, *, steps: int = 100, seed: int = 0) -> float:
    """Return the same by power iteration: `steps` products with the covariance instead of a decomposition."""
    x = _centred(x_ND)
    v = torch.randn(x.shape[1], generator=torch.Generator().manual_seed(seed), dtype=x.dtype)
    for _ in range(steps):
        v = x.mT @ (x @ v)
        v = v / v.norm()
    return float((x @ v).square().sum() / x.square().sum())


def _centred(x_ND: Tensor) -> Tensor:
    x = x_ND.double() - x_ND.double().mean(0)
    if x.dim() != 2 or not x.isfinite().all() or not x.norm() > 0:
        raise BadInput("These states have no spread to speak of.", expected="a matrix [N, D] of finite, different rows")
    return x
