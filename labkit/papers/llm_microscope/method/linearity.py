"""How linear is the step from one level to the next? The linearity score, and each token's share of what is left.

score(X, Y) = 1 - min_A ‖X̃A - Ỹ‖²,  X̃ = (X - mean) / ‖X - mean‖_F   (Your Transformer is Secretly Linear, eq. 1)
E_i = ‖Ãᵀx̃_i - ỹ_i‖                                               (LLM-Microscope, eq. 1, in the units of the fit)

The fit is ordinary least squares, not an orthogonal map, although the released function is called Procrustes. With
residual, Y is the next level; without, Y is what the block adds. All in float64, small singular values cut.

Shapes: N tokens, D width.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from labkit.base.errors import BadInput

__all__ = [
    "LinearMap",
    "chance_score",
    "fit_linear",
    "linearity",
    "linearity_by_channel",
    "procrustes_score",
    "whitened_score",
]

CUT = 10  # roundings of the states' own number format: singular values below are noise, and are not inverted


@dataclass(frozen=True)
class LinearMap:
    """A fitted map x ↦ (x - x_mean) A · scale + y_mean; `scale` and the means undo the centring and normalising."""

    a_DD: Tensor
    x_mean_D: Tensor
    y_mean_D: Tensor
    x_norm: float
    y_norm: float

    def predict(self, x_ND: Tensor) -> Tensor:
        """Return what the map makes of x, in the units of y [N, D]."""
        return ((x_ND.double() - self.x_mean_D) / self.x_norm) @ self.a_DD * self.y_norm + self.y_mean_D

    def errors(self, x_ND: Tensor, y_ND: Tensor) -> Tensor:
        """Return E_i [N]: the distance of each token from the map, in Frobenius norms of the fitting cloud."""
        return (self.predict(x_ND) - y_ND.double()).norm(dim=-1) / self.y_norm

    def score(self, x_ND: Tensor, y_ND: Tensor) -> float:
        """Return 1 - Σ error² / Σ spread² on these tokens, spread about their own mean; it may be negative."""
        y_ND = y_ND.double()
        spread = float((y_ND - y_ND.mean(0)).square().sum())
        return 1 - float((self.predict(x_ND) - y_ND).square().sum()) / spread


def fit_linear(x_ND: Tensor, y_ND: Tensor, *, ridge: float = 0.0) -> LinearMap:
    """Return the least-squares map from x to y, both centred and divided by their Frobenius norms.

    ridge: added to the squared singular values of X̃ (whose sum is 1). Raises `BadInput` for states that cannot be
    fitted: not finite, not of one length, fewer than two, or all alike.
    """
    cut = CUT * torch.finfo(x_ND.dtype).eps
    x_ND, y_ND = x_ND.double(), y_ND.double()
    if x_ND.dim() != 2 or y_ND.dim() != 2 or len(x_ND) != len(y_ND) or len(x_ND) < 2:
        raise BadInput(
            f"States of shape {list(x_ND.shape)} and {list(y_ND.shape)} make no regression.",
            expected="two matrices [tokens, width] over the same tokens, at least two of them",
        )
    if not (x_ND.isfinite().all() and y_ND.isfinite().all()):
        raise BadInput("Some of these states are not finite.", do="look where the NaN arises: no fit can be made of it")
    if ridge < 0:
        raise BadInput(f"ridge = {ridge}.", expected="a number from 0 up")
    x_mean, y_mean = x_ND.mean(0), y_ND.mean(0)
    x, y = x_ND - x_mean, y_ND - y_mean
    x_norm, y_norm = float(x.norm()), float(y.norm())
    if not x_norm > 0 or not y_norm > 0:
        raise BadInput("All of these states are alike, so nothing varies.", expected="tokens that differ")
    u, s, vh = torch.linalg.svd(x / x_norm, full_matrices=False)
    inverse = torch.where(s > cut * s[0], s / (s.square() + ridge), 0.0)
    a_DD = vh.mT @ (inverse[:, None] * (u.mT @ (y / y_norm)))
    return LinearMap(a_DD, x_mean, y_mean, x_norm, y_norm)


def linearity(
    x_ND: Tensor, y_ND: Tensor, *, residual: bool = True, held_out: bool = False, ridge: float = 0.0
) -> float:
    """Return the linearity score of the step from x to y.

    residual: False scores x against y - x, what the block adds. held_out: fit on even tokens, score the odd ones.
    """
    y_ND = y_ND if residual else y_ND - x_ND
    fit, judge = (slice(0, None, 2), slice(1, None, 2)) if held_out else (slice(None), slice(None))
    return fit_linear(x_ND[fit], y_ND[fit], ridge=ridge).score(x_ND[judge], y_ND[judge])


def linearity_by_channel(x_ND: Tensor, y_ND: Tensor, *, ridge: float = 0.0) -> Tensor:
    """Return the share of each channel's variance that the map explains [D]; a channel that never varies counts as 1.

    Weighted with the channels' variances, its mean is the linearity score: a few huge channels can make that up.
    """
    spread_D = (y_ND.double() - y_ND.double().mean(0)).square().sum(0)
    left_D = (fit_linear(x_ND, y_ND, ridge=ridge).predict(x_ND) - y_ND.double()).square().sum(0)
    return torch.where(spread_D > 0, 1 - left_D / spread_D.clamp_min(1e-300), 1.0)


def whitened_score(x_ND: Tensor, y_ND: Tensor) -> float:
    """Return the score with all directions of y made equally long: the mean squared canonical correlation."""
    fit_linear(x_ND, y_ND)  # raises what cannot be scored
    bases = []
    for z_ND in (x_ND, y_ND):
        z = z_ND.double()
        u, s, _ = torch.linalg.svd(z - z.mean(0), full_matrices=False)
        bases.append(u[:, s > CUT * torch.finfo(z_ND.dtype).eps * s[0]])
    return float((bases[0].mT @ bases[1]).square().sum() / bases[1].shape[1])


def procrustes_score(x_ND: Tensor, y_ND: Tensor) -> float:
    """Return the score of the best *orthogonal* map and one scale, for contrast: (Σ singular values of X̃ᵀỸ)²."""
    fit_linear(x_ND, y_ND)  # raises what cannot be scored
    x, y = (z.double() - z.double().mean(0) for z in (x_ND, y_ND))
    return float(torch.linalg.svdvals((x / x.norm()).mT @ (y / y.norm())).sum() ** 2)


def chance_score(tokens: int, width: int) -> float:
    """Return the expected in-sample score of two unrelated Gaussian clouds: D / (N - 1), at most 1."""
    if tokens < 2 or width < 1:
        raise BadInput(f"{tokens} tokens of width {width}.", expected="at least two tokens, a width from 1")
    return min(1.0, width / (tokens - 1))
