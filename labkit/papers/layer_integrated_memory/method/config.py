"""LIMe as models: the baseline's config with another maker of attentions, and the small inits all arms share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import nn

from labkit.base.errors import unknown
from labkit.models import DecoderConfig

from .attention import HiddenMixture, LayerMixAttention, RoutedAttention
from .router import FIRSTS, AverageRouter, ChannelRouter, Router, SameHeadRouter, readable_layers

__all__ = ["ROUTES", "LIMe", "LIMeOfStates", "router_parameters"]

ROUTES = ("shared", "separate", "keys", "values")
KINDS = ("heads", "same-head", "channel", "average")


@dataclass(frozen=True, kw_only=True)
class LIMe(DecoderConfig):
    """A decoder with Layer-Integrated Memory (arXiv 2502.09245, v2).

    reach: which earlier layers may be read (all, own, first-J, last-J). router: heads (the paper's), same-head, channel
    or average. routes: shared (one router for keys and values, the paper's), separate, keys or values.
    first_router: first values of a router (identity+kaiming is the official code's).
    """

    kind: ClassVar[str] = "lime"

    reach: str = "all"
    router: str = "heads"
    routes: str = "shared"
    first_router: str = "identity+kaiming"

    def __post_init__(self) -> None:
        super().__post_init__()
        known = {"router": KINDS, "routes": ROUTES, "first_router": FIRSTS}
        for name, names in known.items():
            if getattr(self, name) not in names:
                raise unknown(name, getattr(self, name), names)
        readable_layers(0, self.reach)

    def attention(self, layer: int) -> nn.Module:
        """Make the token mixer of block `layer`; the first has no router."""
        names = {"shared": ("kv",), "separate": ("k", "v"), "keys": ("k",), "values": ("v",)}[self.routes]
        routers = {name: self.make_router(layer, name) for name in names} if layer else {}
        sizes = (self.width, self.heads, self.kv_heads)
        return RoutedAttention(*sizes, layer=layer, rope_theta=self.rope_theta, routers=routers)

    def make_router(self, layer: int, name: str = "kv") -> nn.Module:
        """Make the router of block `layer` for keys ("k"), values ("v") or both."""
        if self.router == "average":
            return AverageRouter(layer, self.kv_heads, self.reach)
        options = (layer, self.kv_heads, self.reach, self.first_router)
        if self.router == "channel":
            return ChannelRouter(*options, features=self.width // self.heads * len(name))
        return (Router if self.router == "heads" else SameHeadRouter)(*options)


@dataclass(frozen=True, kw_only=True)
class LIMeOfStates(DecoderConfig):
    """LIMe as first published (v1): heads read softmax mixtures of earlier layers' inputs; static or dynamic."""

    kind: ClassVar[str] = "lime-v1"

    dynamic: bool = False

    def attention(self, layer: int) -> nn.Module:
        """Make the token mixer of block `layer`."""
        mixture = HiddenMixture(layer, self.kv_heads, self.width, self.dynamic)
        sizes = (self.width, self.heads, self.kv_heads)
        return LayerMixAttention(*sizes, layer=layer, rope_theta=self.rope_theta, mixture=mixture)


def router_parameters(depth: int, kv_heads: int) -> int:
    """Return how many numbers the paper's routers add: the sum over layers ℓ = 2 … L of ℓ · H²."""
    return sum(layer * kv_heads**2 for layer in range(2, depth + 1))
