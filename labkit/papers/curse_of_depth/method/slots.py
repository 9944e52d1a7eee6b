"""What other papers put into the four slots: scaled norms, learned scales, a write that norms, an MLP without gate.

No part keeps a buffer: a factor is a plain number, so that a model made on the meta device, moved or saved has lost
nothing of it. Shapes: B batch, L length, D model width, F feed-forward.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from labkit.models.parts import RMSNorm, SwiGLU

__all__ = [
    "AddAndNorm",
    "AddAndScale",
    "LearnedScale",
    "ReLUMLP",
    "Scaled",
    "ScaledLayerNorm",
    "ScaledRMSNorm",
    "Times",
]


# The norm slot.


class Scaled(nn.Module):
    """Mixed into a norm: after · norm(before · x), both plain numbers; the gain keeps its name."""

    def __init__(self, width: int, eps: float, *, before: float = 1.0, after: float = 1.0):
        super().__init__(width, eps)
        self.before, self.after = before, after

    def forward(self, x_BLD: Tensor) -> Tensor:
        return self.after * super().forward(self.before * x_BLD)

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, before={self.before:.4g}, after={self.after:.4g}"


class ScaledRMSNorm(Scaled, RMSNorm):
    """RMSNorm with a factor on what it reads or on what it returns."""


class ScaledLayerNorm(Scaled, nn.LayerNorm):
    """LayerNorm (mean taken off, gain and bias) with a factor on what it reads or on what it returns."""


# The mixer slot of a block's second branch.


class ReLUMLP(nn.Module):
    """down(relu(up(x))): what the theory of the Curse of Depth is about; a factor on x is a factor on the result."""

    def __init__(self, width: int, ffn: int):
        super().__init__()
        self.up = nn.Linear(width, ffn, bias=False)
        self.down = nn.Linear(ffn, width, bias=False)

    def forward(self, x_BLD: Tensor, state: Any = None) -> Tensor:
        return self.down(F.relu(self.up(x_BLD)))


# The scale slot.


class Times(nn.Module):
    """A fixed number times what the branch computed."""

    def __init__(self, factor: float):
        super().__init__()
        self.factor = factor

    def forward(self, y_BLD: Tensor) -> Tensor:
        return self.factor * y_BLD

    def extra_repr(self) -> str:
        return f"{self.factor:.4g}"


class LearnedScale(nn.Module):
    """Learned numbers times what the branch computed: one, or one a channel; training starts from `first`."""

    def __init__(self, first: float, shape: tuple[int, ...] = ()):
        super().__init__()
        self.first, self.factor = first, nn.Parameter(torch.empty(shape))

    def initialise(self, generator: torch.Generator, std: float) -> None:
        """Set every number to its first value."""
        nn.init.constant_(self.factor, self.first)

    def forward(self, y_BLD: Tensor) -> Tensor:
        return self.factor * y_BLD

    def extra_repr(self) -> str:
        return f"{list(self.factor.shape)}, first={self.first:.4g}"


# The write slot.


class AddAndNorm(nn.Module):
    """norm(alpha · h + y): the norm stands on the stream itself (Post-LN; with alpha > 1, DeepNorm)."""

    def __init__(self, norm: nn.Module, alpha: float = 1.0):
        super().__init__()
        self.norm, self.alpha = norm, alpha

    def forward(self, h_BLD: Tensor, y_BLD: Tensor) -> Tensor:
        return self.norm(self.alpha * h_BLD + y_BLD)

    def extra_repr(self) -> str:
        return f"alpha={self.alpha:.4g}"


class AddAndScale(nn.Module):
    """factor · (h + y): the stream itself is scaled."""

    def __init__(self, factor: float):
        super().__init__()
        self.factor = factor

    def forward(self, h_BLD: Tensor, y_BLD: Tensor) -> Tensor:
        return self.factor * (h_BLD + y_BLD)

    def extra_repr(self) -> str:
        return f"{self.factor:.4g}"


# What a config may ask for by name: (norm, the same norm with factors), and the MLP.
NORMS = {"rms": (RMSNorm, ScaledRMSNorm), "layer": (nn.LayerNorm, ScaledLayerNorm)}
MLPS = {"swiglu": SwiGLU, "relu": ReLUMLP}
