"""Routers: how a layer's keys and values are mixed from those of all layers up to it (LIMe v2, section 3).

    routed[h] = sum over buffers s of R[h, s] · raw[s],   s = (layer ℓ' ≤ ℓ, head h')

A router is a small matrix of plain numbers: signed, not normalised, the same for every token. `raw` stacks the buffers
layer by layer, heads within a layer, the layer's own heads last. Shapes: B batch, S buffers, L tokens, H key-value
heads, E features (a head's keys and values side by side, or one of the two), N readable layers.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from labkit.base.errors import BadInput, unknown

__all__ = ["FIRSTS", "REACHES", "AverageRouter", "ChannelRouter", "Router", "SameHeadRouter", "readable_layers"]

FIRSTS = ("identity+zeros", "identity+kaiming", "random")
REACHES = ("all", "own", "first-J", "last-J")


def readable_layers(layer: int, reach: str = "all") -> tuple[int, ...]:
    """Return which layers' buffers layer `layer` (from 0) may read, its own last.

    "all" is the paper's method. "last-J" are the J most recent, "first-J" the J earliest and the layer's own (appendix
    D, table 7), "own" mixes the heads of the layer itself and reads no past. Raises `UnknownName` for another reach.
    """
    kind, _, count = reach.partition("-")
    if reach == "all":
        return tuple(range(layer + 1))
    if reach == "own":
        return (layer,)
    if kind not in ("first", "last") or not count.isdigit() or int(count) < 1:
        raise unknown("reach", reach, REACHES, do="first-2 or last-2, for example")
    if kind == "last":
        return tuple(range(max(0, layer + 1 - int(count)), layer + 1))
    return (*range(min(layer, int(count))), layer)


class Router(nn.Module):
    """The paper's router: one signed number for each pair of a routed head and a buffer [H, S].

    `initialise` sets the layer's own heads to the identity and the rest to nothing ("identity+zeros": the model starts
    as the baseline), to U(-b, b) with b = sqrt(3/S) ("identity+kaiming": the official code), or everything to that.
    """

    def __init__(self, layer: int, heads: int, reach: str = "all", first: str = "identity+kaiming"):
        super().__init__()
        if first not in FIRSTS:
            raise unknown("first value of a router", first, FIRSTS)
        self.layers, self.heads, self.first = readable_layers(layer, reach), heads, first
        self.weight = nn.Parameter(torch.empty(self.shape))

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the weight: [H, S] here."""
        return self.heads, len(self.layers) * self.heads

    def own(self) -> Tensor:
        """Return the weight that reads the layer's own heads and nothing else."""
        return torch.cat((torch.zeros(self.heads, self.shape[1] - self.heads), torch.eye(self.heads)), dim=1)

    @torch.no_grad()
    def initialise(self, generator: torch.Generator, std: float) -> None:
        """Set the first values; `std` belongs to other matrices and is not used."""
        own = self.own()
        if self.first == "identity+zeros":
            self.weight.copy_(own)
            return
        bound = math.sqrt(3 / (len(self.layers) * self.heads))
        self.weight.uniform_(-bound, bound, generator=generator)
        if self.first == "identity+kaiming":
            last = self.is_own()
            self.weight.copy_(torch.where(last, own, self.weight))

    def is_own(self) -> Tensor:
        """Return which entries belong to the layer's own heads, in the weight's shape."""
        own = torch.zeros(self.shape, dtype=torch.bool)
        own[:, -self.heads :] = True
        return own

    def matrix(self) -> Tensor:
        """Return the mixture as a matrix [H, S], also for a router that keeps fewer numbers."""
        return self.weight

    def forward(self, raw_BSLE: Tensor) -> Tensor:
        return (self.weight @ raw_BSLE.flatten(2)).unflatten(2, raw_BSLE.shape[2:])

    def extra_repr(self) -> str:
        return f"layers={self.layers}, heads={self.heads}, first={self.first!r}"


class SameHeadRouter(Router):
    """A head reads the same head of earlier layers only: one number per head and layer [H, N]."""

    @property
    def shape(self) -> tuple[int, ...]:
        return self.heads, len(self.layers)

    def own(self) -> Tensor:
        return self.is_own().float()

    def is_own(self) -> Tensor:
        own = torch.zeros(self.shape, dtype=torch.bool)
        own[:, -1] = True
        return own

    def matrix(self) -> Tensor:
        spread = torch.einsum("hn,hg->hng", self.weight, torch.eye(self.heads, device=self.weight.device))
        return spread.flatten(1)

    def forward(self, raw_BSLE: Tensor) -> Tensor:
        return torch.einsum("hn,bnhle->bhle", self.weight, raw_BSLE.unflatten(1, (-1, self.heads)))


class ChannelRouter(SameHeadRouter):
    """The same with one number per feature [H, N, E]: every channel of a head chooses its own mixture of layers."""

    def __init__(self, layer: int, heads: int, reach: str = "all", first: str = "identity+kaiming", *, features: int):
        self.features = features
        super().__init__(layer, heads, reach, first)

    @property
    def shape(self) -> tuple[int, ...]:
        return self.heads, len(self.layers), self.features

    def is_own(self) -> Tensor:
        own = torch.zeros(self.shape, dtype=torch.bool)
        own[:, -1] = True
        return own

    def matrix(self) -> Tensor:
        raise BadInput(
            "A router with one number per channel has no matrix of heads by buffers.",
            do="read router.weight, [heads, layers, features]",
        )

    def forward(self, raw_BSLE: Tensor) -> Tensor:
        return torch.einsum("hne,bnhle->bhle", self.weight, raw_BSLE.unflatten(1, (-1, self.heads)))


class AverageRouter(nn.Module):
    """The plain mean over layers, head by head: nothing is learned (table 7, "average")."""

    def __init__(self, layer: int, heads: int, reach: str = "all"):
        super().__init__()
        self.layers, self.heads = readable_layers(layer, reach), heads

    def matrix(self) -> Tensor:
        """Return the mixture as a matrix [H, S]."""
        return torch.eye(self.heads).repeat(1, len(self.layers)) / len(self.layers)

    def forward(self, raw_BSLE: Tensor) -> Tensor:
        return raw_BSLE.unflatten(1, (-1, self.heads)).mean(1)
