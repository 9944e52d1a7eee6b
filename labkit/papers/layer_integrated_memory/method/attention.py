"""LIMe's attention: keys and values are routed from those of all layers up to this one; the rest is the baseline.

Queries, MLPs and the residual stream stay as they are, and so does the cache: only what was *routed* is kept, as much
as a baseline keeps. The raw keys and values of the tokens in flight travel in `state.memory`, from layer to layer.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from labkit.base.errors import ModelChanged
from labkit.models import Attention, State

__all__ = ["HiddenMixture", "LayerMixAttention", "RoutedAttention"]


class RoutedAttention(Attention):
    """Attention whose keys and values may come from earlier layers (LIMe v2, section 3, eq. for K̃ and Ṽ).

    routers: {"kv": one router for both} as in the paper, {"k": …, "v": …} apart, one of the two, or {} for the first
    layer, which has nothing to read but itself.
    """

    def __init__(self, *args, routers: Mapping[str, nn.Module], **options):
        super().__init__(*args, **options)
        self.routers = nn.ModuleDict(routers)

    def keys_values(self, x_BLD: Tensor, state: State) -> tuple[Tensor, Tensor]:
        """Return the routed keys and values of the new tokens, before rotation [B, H, L, K]."""
        own = super().keys_values(x_BLD, state)
        # raw heads [B, H, L, 2K], for this layer and all later ones
        state.memory[self.layer] = torch.cat(own, dim=-1)
        if "kv" in self.routers:
            return self.route("kv", state, slice(None)).chunk(2, dim=-1)
        parts = {"k": slice(0, self.head_size), "v": slice(self.head_size, None)}
        routed = [
            self.route(name, state, part) if name in self.routers else raw
            for (name, part), raw in zip(parts.items(), own)
        ]
        return routed[0], routed[1]

    def route(self, name: str, state: State, part: slice) -> Tensor:
        """Return the mixture a router makes of the raw buffers [B, H, L, E]."""
        router = self.routers[name]
        missing = [layer for layer in router.layers if layer not in state.memory]
        if missing:
            raise ModelChanged(
                f"Layer {self.layer} reads the keys and values of layer {missing[0]}, which left none.",
                expected="every earlier attention to run before it",
                do="set the router's entries to 0 (CutRoutes) instead of dropping that attention",
            )
        return router(torch.cat([state.memory[layer][..., part] for layer in router.layers], dim=1))


class HiddenMixture(nn.Module):
    """LIMe v1's weights: for every head a softmax over the layers read (arXiv v1, figure captions; reconstructed).

    Static: free logits [H, N]. Dynamic: the logits are a linear map of the current token's state, and start at 0,
    which makes the first mixture the uniform average.
    """

    def __init__(self, layer: int, heads: int, width: int, dynamic: bool = False):
        super().__init__()
        self.heads, self.layers, self.dynamic = heads, layer + 1, dynamic
        shape = (heads * (layer + 1), width) if dynamic else (heads, layer + 1)
        self.weight = nn.Parameter(torch.empty(shape))

    def initialise(self, generator: torch.Generator, std: float) -> None:
        """Set every logit to 0."""
        nn.init.zeros_(self.weight)

    def shares(self, x_BLD: Tensor) -> Tensor:
        """Return for each token and head the share of every layer [B or 1, L or 1, H, N]; each row sums to 1."""
        logits = (x_BLD @ self.weight.T).unflatten(-1, (self.heads, -1)) if self.dynamic else self.weight[None, None]
        return logits.softmax(dim=-1)

    def forward(self, x_BLD: Tensor, past_NBLD: Tensor) -> Tensor:
        """Return for every head its own mixture of the layers' inputs [B, H, L, D]."""
        shares = self.shares(x_BLD).expand(*x_BLD.shape[:2], -1, -1)
        return torch.einsum("blhn,nbld->bhld", shares, past_NBLD)


class LayerMixAttention(Attention):
    """LIMe v1: every key-value head projects a mixture of the *inputs* of all attentions so far (normed streams).

    The newest paper routes keys and values instead, which costs less; "dynamic LIMe", pruning by top-p and the circuits
    of the first version belong to this one.
    """

    def __init__(self, *args, mixture: HiddenMixture, **options):
        super().__init__(*args, **options)
        self.mixture = mixture

    def keys_values(self, x_BLD: Tensor, state: State) -> tuple[Tensor, Tensor]:
        """Return keys and values of each head's own mixture, before rotation [B, H, L, K]."""
        state.memory[self.layer] = x_BLD
        past_NBLD = torch.stack([state.memory[layer] for layer in range(self.layer + 1)])
        mixed_BHLD = self.mixture(x_BLD, past_NBLD)
        return tuple(
            torch.einsum("bhld,hkd->bhlk", mixed_BHLD, linear.weight.unflatten(0, (self.kv_heads, -1)))
            for linear in (self.k, self.v)
        )
