"""λ, the share of the second map that is taken off, and what it starts from.

Each part is called without arguments and returns λ as a tensor that broadcasts over y [B, h, L, 2d]: one number, or
one for each head [h, 1, 1]. Lesson: 04.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from labkit.base.errors import BadInput, unknown

__all__ = ["LAMBDAS", "Clamped", "Exponential", "Frozen", "Scalar", "lambda_init", "make_lambda"]


def lambda_init(layer: int) -> float:
    """Return 0.8 − 0.6 exp(−0.3 layer), layers counted from 0 (the paper's l is `layer + 1`; section 2.1)."""
    return 0.8 - 0.6 * math.exp(-0.3 * layer)


class Exponential(nn.Module):
    """λ = exp(λq1 · λk1) − exp(λq2 · λk2) + λ_init (eq. 2); four vectors [d], or [heads, d], from N(0, 0.1²)."""

    def __init__(self, size: int, first: float, heads: int | None = None):
        super().__init__()
        shape = (size,) if heads is None else (heads, 1, 1, size)
        self.q1, self.k1, self.q2, self.k2 = (nn.Parameter(torch.empty(shape)) for _ in range(4))
        self.first = first

    def initialise(self, generator: torch.Generator, std: float) -> None:
        """Draw the four vectors."""
        for vector in self.parameters():
            nn.init.normal_(vector, 0.0, 0.1, generator=generator)

    def forward(self) -> Tensor:
        return (self.q1 * self.k1).sum(-1).exp() - (self.q2 * self.k2).sum(-1).exp() + self.first

    def extra_repr(self) -> str:
        return f"first={self.first:.4g}"


class Clamped(Exponential):
    """The same, never below 0: the second map can be taken off and not added. Ours, to see what the sign is worth."""

    def forward(self) -> Tensor:
        # A plain clamp has no gradient below 0 and would never come back.
        return torch.nn.functional.softplus(10 * super().forward()) / 10


class Scalar(nn.Module):
    """λ itself is the parameter, or one for each head; the authors report that this trains worse (issue 1663)."""

    def __init__(self, size: int, first: float, heads: int | None = None):
        super().__init__()
        self.first = first
        self.value = nn.Parameter(torch.empty(() if heads is None else (heads, 1, 1)))

    def initialise(self, generator: torch.Generator, std: float) -> None:
        """Set λ to its first value."""
        nn.init.constant_(self.value, self.first)

    def forward(self) -> Tensor:
        return self.value


class Frozen(nn.Module):
    """λ = λ_init and is not trained."""

    def __init__(self, size: int, first: float, heads: int | None = None):
        super().__init__()
        self.first = first

    def forward(self) -> Tensor:
        return torch.tensor(self.first)


LAMBDAS = {"exponential": Exponential, "clamped": Clamped, "scalar": Scalar, "frozen": Frozen}


def make_lambda(kind: str, size: int, first: float, heads: int | None = None) -> nn.Module:
    """Return a λ of one of `LAMBDAS` that starts at `first`; with `heads`, one of its own for each head.

    Raises `UnknownName` for another kind and `BadInput` for a first value that is no finite number.
    """
    if kind not in LAMBDAS:
        raise unknown("kind of λ", kind, LAMBDAS)
    if isinstance(first, bool) or not isinstance(first, int | float) or not math.isfinite(first):
        raise BadInput(f"λ cannot start at {first!r}.", expected="a finite number; the paper's first layer has 0.2")
    return LAMBDAS[kind](size, float(first), heads)
