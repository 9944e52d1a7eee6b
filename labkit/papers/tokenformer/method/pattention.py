"""Pattention: attention from data tokens to learned parameter tokens, in place of a linear layer.

Shapes: B batch, L length, n parameter tokens, D width in, E width out.

Source: Wang et al. 2024 (arXiv 2410.23168), section 3.2.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from labkit.base.errors import BadInput, unknown

from .theta import THETAS

__all__ = ["Pattention"]

TINY = 1e-12  # under the norm: the official code has none, and a row of zero scores gives NaN there


class Pattention(nn.Module):
    """O = Θ(X Kᵀ) V (equation 6), with n keys [n, D] and n values [n, E] as the only weights.

    theta: a name of `THETAS`. scale_tokens: the t of Θ, τ being √t; None follows the number of tokens, as the paper
    and its code have it ("live"); a number stays what it is when tokens are appended ("fixed").
    key_std, value_std: standard deviations of first values. With an L2 norm on the scores the length of all keys
    changes nothing but how far a step of the optimiser turns them: the authors' 0.02 goes with their rate of 6e-4.

    >>> layer = Pattention(4, 6, tokens=8)
    >>> layer.initialise(torch.Generator().manual_seed(0), 0.02)
    >>> layer(torch.ones(2, 3, 4)).shape
    torch.Size([2, 3, 6])
    """

    def __init__(
        self,
        width_in: int,
        width_out: int,
        tokens: int,
        *,
        theta: str = "l2-gelu",
        scale_tokens: float | None = None,
        eps: float = TINY,
        key_std: float = 0.4,
        value_std: float = 0.02,
    ):
        super().__init__()
        if theta not in THETAS:
            raise unknown("theta", theta, THETAS)
        if isinstance(tokens, bool) or not isinstance(tokens, int) or tokens < 1:
            raise BadInput(f"A layer of {tokens!r} parameter tokens computes nothing.", expected="at least 1")
        if scale_tokens is not None and not scale_tokens > 0:
            raise BadInput(f"scale_tokens = {scale_tokens!r} is no scale.", expected="a number above 0, or None")
        self.theta, self.scale_tokens, self.eps = theta, scale_tokens, eps
        self.key_std, self.value_std = key_std, value_std
        self.keys = nn.Parameter(torch.empty(tokens, width_in))
        self.values = nn.Parameter(torch.empty(tokens, width_out))

    @property
    def tokens(self) -> int:
        """How many parameter tokens the layer has."""
        return self.keys.shape[0]

    @property
    def scale(self) -> float:
        """The t of Θ: τ = √t."""
        return float(self.tokens if self.scale_tokens is None else self.scale_tokens)

    @torch.no_grad()
    def initialise(self, generator: torch.Generator, std: float) -> None:
        """Draw keys from N(0, key_std²) and values from N(0, value_std²); `std`, that of other weights, is not used."""
        self.keys.normal_(0.0, self.key_std, generator=generator)
        self.values.normal_(0.0, self.value_std, generator=generator)

    def usage(self, x_BLD: Tensor) -> Tensor:
        """Return Θ(X Kᵀ) [B, L, n]: how much of each token's value every data token takes; may be negative."""
        return THETAS[self.theta](x_BLD @ self.keys.T, self.scale, self.eps)

    def forward(self, x_BLD: Tensor, state: Any = None) -> Tensor:
        """Return [B, L, E]. `state` is what the trunk hands to every mixer; this one mixes no data tokens."""
        return self.usage(x_BLD) @ self.values

    def extra_repr(self) -> str:
        (n, width_in), width_out = self.keys.shape, self.values.shape[1]
        tau = "live" if self.scale_tokens is None else "fixed"
        return f"{width_in} -> {n} tokens -> {width_out}, {self.theta}, tau={self.scale**0.5:.4g} ({tau})"
