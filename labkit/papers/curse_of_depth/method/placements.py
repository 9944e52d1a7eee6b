"""Where the norm stands, and by what a branch is scaled: the family around *The Curse of Depth* (arXiv 2502.05795).

`PreNorm` is the baseline with its norm, MLP and first values named; every other class differs from it by some lines.
Blocks are numbered ℓ = layer + 1 = 1 … N. The final norm before the head is the same plain norm in all of them.

kind          h ←                                  source
pre-norm      h + f(norm(h))                       Xiong et al. 2020
post-norm     norm(h + f(h))                       Vaswani et al. 2017
sandwich      h + norm(f(norm(h)))                 Ding et al. 2021; Peri-LN, Kim et al. 2025
mix-norm      post-norm in the first ⌊αN⌋ blocks   Li et al. 2024
deep-norm     norm((2N)^(1/4) h + f(h))            Wang et al. 2022, fig. 2, decoder only
lns           h + f(ℓ^-p norm(h))                  Sun et al. 2025, section 4
scaling-at    ℓ^-p elsewhere                       the same, table 8
skip-init     h + a f(norm(h)), a from 1/sqrt(N)   De and Smith 2020
layer-scale   h + diag(a) f(norm(h)), a from ε     Touvron et al. 2021
re-zero       h + a f(norm(h)), a from 0           Bachlechner et al. 2021 (theirs has no norm)
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import nn

from labkit.base.errors import BadInput, unknown
from labkit.models.config import DecoderConfig
from labkit.models.decoder import Decoder
from labkit.models.trunk import Add, Block, Branch

from .inits import INITS, scale_first_values
from .positions import TRAINED_POSITIONS
from .slots import MLPS, NORMS, AddAndNorm, AddAndScale, LearnedScale, Times

__all__ = [
    "DeepNorm",
    "LayerNormScaling",
    "LayerScale",
    "MixNorm",
    "PostNorm",
    "PreNorm",
    "ReZero",
    "Sandwich",
    "ScalingAt",
    "SkipInit",
]


@dataclass(frozen=True, kw_only=True)
class PreNorm(DecoderConfig):
    """The baseline: h + f(norm(h)).

    norm_type: rms or layer. mlp_type: swiglu or relu. init: plain, gpt2, depth, olmo, zero or deepnorm (see `inits`).
    embed_std: standard deviation of the embedding at initialisation (default: init_std).
    """

    kind: ClassVar[str] = "pre-norm"

    norm_type: str = "rms"
    mlp_type: str = "swiglu"
    init: str = "plain"
    embed_std: float | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        for name, known in (("norm_type", NORMS), ("mlp_type", MLPS), ("init", INITS)):
            if getattr(self, name) not in known:
                raise unknown(name, getattr(self, name), known)
        if self.embed_std is not None and not 0 < self.embed_std < math.inf:
            raise BadInput(f"embed_std = {self.embed_std!r} makes no model.", expected="a finite number above 0")

    def plain_norm(self) -> nn.Module:
        """Make a norm of this config's type."""
        return NORMS[self.norm_type][0](self.width, self.eps)

    def scaled_norm(self, **factors: float) -> nn.Module:
        """Make a norm of this config's type with a factor `before` or `after` it."""
        return NORMS[self.norm_type][1](self.width, self.eps, **factors)

    def norm(self, layer: int) -> nn.Module:
        """Make the norm slot of a branch of block `layer`."""
        return self.plain_norm()

    def final_norm(self) -> nn.Module:
        """Make the norm between the trunk and the head."""
        return self.plain_norm()

    def mlp(self, layer: int) -> nn.Module:
        """Make the channel mixer of block `layer`."""
        return MLPS[self.mlp_type](self.width, self.ffn)

    @torch.no_grad()
    def initialise(self, model: Decoder, generator: torch.Generator) -> None:
        """Set every weight as the baseline does, then bring them to the scale that `init` and `embed_std` want."""
        super().initialise(model, generator)
        scale_first_values(model, INITS[self.init])
        if self.embed_std is not None:
            model.embed.weight.mul_(self.embed_std / self.init_std)


@dataclass(frozen=True, kw_only=True)
class PostNorm(PreNorm):
    """norm(h + f(h)): the norm stands on the stream."""

    kind: ClassVar[str] = "post-norm"

    def branch(self, mixer: nn.Module, layer: int) -> Branch:
        """Put a mixer between its scale and a write that norms."""
        write = AddAndNorm(self.plain_norm())
        return Branch(norm=nn.Identity(), mixer=mixer, scale=self.scale(layer), write=write)


@dataclass(frozen=True, kw_only=True)
class Sandwich(PreNorm):
    """h + norm(f(norm(h))): a norm before the branch and one after it."""

    kind: ClassVar[str] = "sandwich"

    def scale(self, layer: int) -> nn.Module:
        """Make the second norm."""
        return self.plain_norm()


@dataclass(frozen=True, kw_only=True)
class MixNorm(PreNorm):
    """Post-norm in the first ⌊alpha · N⌋ blocks, pre-norm in the others."""

    kind: ClassVar[str] = "mix-norm"

    alpha: float = 0.25

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= self.alpha <= 1:
            raise BadInput(f"alpha = {self.alpha!r} is no share of the blocks.", expected="a number from 0 to 1")

    def branch(self, mixer: nn.Module, layer: int) -> Branch:
        """Make the branch of the one placement or the other."""
        post = layer < math.floor(self.alpha * self.depth + 1e-9)  # 0.29 · 100 is 28.999…
        return (PostNorm if post else PreNorm).branch(self, mixer, layer)


@dataclass(frozen=True, kw_only=True)
class DeepNorm(PreNorm):
    """norm(alpha · h + f(h)) with alpha = (2N)^(1/4), and first values smaller by (8N)^(-1/4)."""

    kind: ClassVar[str] = "deep-norm"

    init: str = "deepnorm"

    def branch(self, mixer: nn.Module, layer: int) -> Branch:
        """Put a mixer between its scale and a write that weighs the stream and norms."""
        write = AddAndNorm(self.plain_norm(), alpha=(2 * self.depth) ** 0.25)
        return Branch(norm=nn.Identity(), mixer=mixer, scale=self.scale(layer), write=write)


@dataclass(frozen=True, kw_only=True)
class LayerNormScaling(PreNorm):
    """h + f(ℓ^-p · norm(h)): the output of both norms of block ℓ is multiplied by ℓ^-exponent."""

    kind: ClassVar[str] = "lns"

    exponent: float = 0.5

    def __post_init__(self) -> None:
        super().__post_init__()
        if isinstance(self.exponent, bool) or not math.isfinite(self.exponent):
            raise BadInput(
                f"exponent = {self.exponent!r} makes no model.", expected="a finite number; the paper's is 0.5"
            )

    def factor(self, layer: int) -> float:
        """Return ℓ^-exponent."""
        return (layer + 1) ** -self.exponent

    def norm(self, layer: int) -> nn.Module:
        """Make the norm slot of a branch of block `layer`."""
        return self.scaled_norm(after=self.factor(layer))


@dataclass(frozen=True, kw_only=True)
class ScalingAt(LayerNormScaling):
    """The same factor in another place: see `positions`; attention and mlp scale the norm of that branch alone."""

    kind: ClassVar[str] = "scaling-at"

    position: str = "after-norm"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.position not in TRAINED_POSITIONS:
            raise unknown("position", self.position, TRAINED_POSITIONS)

    def block(self, layer: int) -> Block:
        """Make block `layer`: two pre-norm branches, with the factor where `position` says."""
        s, at = self.factor(layer), self.position
        branches = {}
        for name, mixer in (("attention", self.attention(layer)), ("mlp", self.mlp(layer))):
            factors = {"before": s} if at == "before-norm" else {"after": s} if at in ("after-norm", name) else {}
            branches[name] = Branch(
                norm=self.scaled_norm(**factors) if factors else self.plain_norm(),
                mixer=mixer,
                scale=Times(s) if at == "after-branch" else self.scale(layer),
                write=AddAndScale(s) if at == "after-residual" else Add(),
            )
        return Block(**branches)


@dataclass(frozen=True, kw_only=True)
class SkipInit(PreNorm):
    """h + a · f(norm(h)) with one learned number a per branch, from `first` (default 1/sqrt(N))."""

    kind: ClassVar[str] = "skip-init"

    first: float | None = None

    def scale(self, layer: int) -> nn.Module:
        """Make the learned number."""
        return LearnedScale(self.depth**-0.5 if self.first is None else self.first)


@dataclass(frozen=True, kw_only=True)
class ReZero(SkipInit):
    """The same from 0: every block starts as the identity, and its matrices learn once a has moved."""

    kind: ClassVar[str] = "re-zero"

    first: float | None = 0.0


@dataclass(frozen=True, kw_only=True)
class LayerScale(PreNorm):
    """h + a · f(norm(h)) with one learned number a per channel and branch, from the small `first`."""

    kind: ClassVar[str] = "layer-scale"

    first: float = 1e-4

    def scale(self, layer: int) -> nn.Module:
        """Make the learned numbers."""
        return LearnedScale(self.first, (self.width,))
