"""TokenFormer, and the Transformer it is compared with: two configs that differ in the linear layers alone.

Both are pre-norm decoders with rotary positions, a tied embedding, and LayerNorm without gain and bias.

Source: Wang et al. 2024 (arXiv 2410.23168), section 3.3 and tables 3, 5 and 9.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from labkit.base.errors import BadInput, unknown
from labkit.models import Attention, Decoder, DecoderConfig

from .pattention import Pattention
from .theta import THETAS

__all__ = ["GELUMLP", "TokenFormer", "Transformer", "pattention_layers"]

NORMS = {"none": (False, False), "bias": (True, False), "gain and bias": (True, True)}  # affine, gain is learned


class Norm(nn.Module):
    """LayerNorm [.., D] times a fixed factor; `learned` is none (the paper's), bias, or gain and bias (table 5)."""

    def __init__(self, width: int, learned: str = "none", factor: float = 1.0, eps: float = 1e-5):
        super().__init__()
        self.width, self.learned, self.factor, self.eps = width, learned, factor, eps
        if learned == "gain and bias":
            self.gain = nn.Parameter(torch.empty(width))
        if learned != "none":
            self.bias = nn.Parameter(torch.empty(width))

    @torch.no_grad()
    def initialise(self, generator: torch.Generator, std: float) -> None:
        """Set gains to 1 and biases to 0."""
        for name, parameter in self.named_parameters():
            parameter.fill_(1.0 if name == "gain" else 0.0)

    def forward(self, x_BLD: Tensor) -> Tensor:
        return self.factor * F.layer_norm(
            x_BLD, (self.width,), getattr(self, "gain", None), getattr(self, "bias", None), self.eps
        )

    def extra_repr(self) -> str:
        return f"{self.width}, learned: {self.learned}" + (f", times {self.factor:g}" if self.factor != 1 else "")


@dataclass(frozen=True, kw_only=True)
class Transformer(DecoderConfig):
    """The baseline: linear projections and a GELU MLP, 12 D² weights a block when ffn = 4 D.

    norm_learned: what the norms learn (none, bias, gain and bias). head_factor: times what the head reads; a model
    made twice as wide by cloning needs 1/2, its embedding being used at both ends.
    """

    kind: ClassVar[str] = "tokenformer-baseline"

    norm_learned: str = "none"
    head_factor: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.norm_learned not in NORMS:
            raise unknown("norm_learned", self.norm_learned, NORMS)

    def norm(self, layer: int) -> nn.Module:
        """Make the norm slot."""
        return Norm(self.width, self.norm_learned)

    def final_norm(self) -> nn.Module:
        """Make the norm between the trunk and the head."""
        return Norm(self.width, self.norm_learned, self.head_factor)

    def mlp(self, layer: int) -> nn.Module:
        """Make the channel mixer."""
        return GELUMLP(self.width, self.ffn)


class GELUMLP(nn.Module):
    """down(gelu(up(x))), without biases."""

    def __init__(self, width: int, ffn: int):
        super().__init__()
        self.up = nn.Linear(width, ffn, bias=False)
        self.down = nn.Linear(ffn, width, bias=False)

    def forward(self, x_BLD: Tensor, state: Any = None) -> Tensor:
        return self.down(F.gelu(self.up(x_BLD)))


@dataclass(frozen=True, kw_only=True)
class TokenFormer(Transformer):
    """Every linear layer of a block becomes a Pattention layer: four in attention, one for the whole MLP.

    tokens: parameter tokens of q, k, v and o each. ffn: those of the MLP's layer (the paper: 4 × tokens).
    scale_tokens: the t of τ = √t in q, k, v and o; the MLP's is larger in the ratio of its tokens. None: τ is live.
    key_std: standard deviation of first keys; in proportion to the learning rates here it is the official code's.
    """

    kind: ClassVar[str] = "tokenformer"

    tokens: int
    theta: str = "l2-gelu"
    scale_tokens: float | None = None
    key_std: float = 0.4

    def __post_init__(self) -> None:
        super().__post_init__()
        if isinstance(self.tokens, bool) or not isinstance(self.tokens, int) or self.tokens < 1:
            raise BadInput(f"tokens = {self.tokens!r} makes no model.", expected="a whole number of at least 1")
        if self.theta not in THETAS:
            raise unknown("theta", self.theta, THETAS)
        if self.scale_tokens is not None and not self.scale_tokens > 0:
            raise BadInput(f"scale_tokens = {self.scale_tokens!r} makes no model.", expected="above 0, or None")

    def pattention(self, width_in: int, width_out: int, tokens: int) -> Pattention:
        """Make one Pattention layer; values start at 2 / (L √D), as in the official code."""
        scale = None if self.scale_tokens is None else self.scale_tokens * tokens / self.tokens
        std = 2 / (self.depth * self.width**0.5)
        options = {"theta": self.theta, "scale_tokens": scale, "key_std": self.key_std, "value_std": std}
        return Pattention(width_in, width_out, tokens, **options)

    def attention(self, layer: int) -> nn.Module:
        """Make the token mixer: the baseline's, with another layer where its projections were."""
        return Attention(
            self.width,
            self.heads,
            self.kv_heads,
            layer=layer,
            rope_theta=self.rope_theta,
            linear=lambda width_in, width_out, bias: self.pattention(width_in, width_out, self.tokens),
        )

    def mlp(self, layer: int) -> nn.Module:
        """Make the channel mixer."""
        return self.pattention(self.width, self.width, self.ffn)


def pattention_layers(model: Decoder) -> dict[str, Pattention]:
    """Return the Pattention layers by name, such as `layers.0.q` or `layers.1.mlp`, in the order in which they run.

    Raises `BadInput` for a model that has none.
    """
    layers = {}
    for number, block in enumerate(getattr(getattr(model, "trunk", None), "blocks", ())):
        parts = {name: getattr(block.attention.mixer, name, None) for name in "qkvo"} | {"mlp": block.mlp.mixer}
        layers |= {f"layers.{number}.{n}": part for n, part in parts.items() if isinstance(part, Pattention)}
    if not layers:
        raise BadInput(f"A {type(model).__name__} without Pattention layers was given.", expected="a TokenFormer")
    return layers
