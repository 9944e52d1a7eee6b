"""DIFF Transformers and the baselines they are compared with, as configs; and what they cost. Lesson: 04."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import ClassVar

from torch import nn

from labkit.base.errors import BadInput, unknown
from labkit.models.config import DecoderConfig
from labkit.models.parts import Attention

from .attention import DiffAttention, HeadNorm, NormedAttention
from .lambdas import LAMBDAS, lambda_init, make_lambda
from .others import GatedAttention, OffByOneAttention, SinkAttention
from .second import DiffAttentionV2, HalfMoreHeads, NoLambda, NoSigmoid, WrongPairs
from .smear import Smeared

__all__ = ["DiffTransformer", "NeedleDiff", "NeedleSoftmax", "SoftmaxTransformer", "attention_flops", "halved"]

VERSIONS = {"v2": DiffAttentionV2, "v2-wrong-pairs": WrongPairs, "v2-no-sigmoid": NoSigmoid, "v2-no-lambda": NoLambda}
MIXERS = {
    "softmax": Attention,
    "normed": NormedAttention,
    "off-by-one": OffByOneAttention,
    "sink": SinkAttention,
    "gated": GatedAttention,
    "half-more": HalfMoreHeads,
    **VERSIONS,
}


@dataclass(frozen=True, kw_only=True)
class DiffTransformer(DecoderConfig):
    """A decoder with differential attention, version 1; `heads` are DIFF heads, each of two sub-heads.

    lam: exponential, scalar, frozen or clamped. first_lambda: λ_init of every layer (default: 0.8 − 0.6 exp(−0.3 l)).
    lambda_per_head: one λ for each head. head_norm: the norm of each head, times `head_factor` (default: 1 − λ_init),
    its gain learned or not (`head_gain`); without the norm neither.
    """

    kind: ClassVar[str] = "diff-transformer"

    lam: str = "exponential"
    first_lambda: float | None = None
    lambda_per_head: bool = False
    head_norm: bool = True
    head_factor: float | None = None
    head_gain: bool = True

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.width % (4 * self.heads):
            raise BadInput(
                f"width = {self.width} gives {self.heads} DIFF heads no pair of sub-heads of even size.",
                expected="width a multiple of 4 · heads",
            )
        if self.lam not in LAMBDAS:
            raise unknown("kind of λ", self.lam, LAMBDAS)
        self.make_lambda(0)

    def lambda_at_first(self, layer: int) -> float:
        """Return λ_init of a layer, counted from 0."""
        return lambda_init(layer) if self.first_lambda is None else self.first_lambda

    def make_lambda(self, layer: int) -> nn.Module:
        """Make the λ of a layer."""
        size = self.width // (2 * self.heads)
        return make_lambda(self.lam, size, self.lambda_at_first(layer), self.heads if self.lambda_per_head else None)

    def attention(self, layer: int) -> nn.Module:
        """Make the token mixer of block `layer`."""
        factor = 1 - self.lambda_at_first(layer) if self.head_factor is None else self.head_factor
        norm = HeadNorm(self.width // self.heads, factor, gain=self.head_gain) if self.head_norm else nn.Identity()
        return DiffAttention(
            self.width, self.heads, self.kv_heads, layer=layer, rope_theta=self.rope_theta,
            lam=self.make_lambda(layer), norm=norm,
        )  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class SoftmaxTransformer(DecoderConfig):
    """The baseline, or another of `MIXERS`: softmax, normed, off-by-one, sink, gated, half-more, v2 and its kin."""

    kind: ClassVar[str] = "softmax-transformer"

    mixer: str = "softmax"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.mixer not in MIXERS:
            raise unknown("mixer", self.mixer, MIXERS)

    def attention(self, layer: int) -> nn.Module:
        """Make the token mixer of block `layer`."""
        make = MIXERS[self.mixer]
        if make is NormedAttention:
            make = partial(make, norm=HeadNorm(self.width // self.heads))
        return make(self.width, self.heads, self.kv_heads, layer=layer, rope_theta=self.rope_theta)


@dataclass(frozen=True, kw_only=True)
class NeedleDiff(Smeared, DiffTransformer):
    """The DIFF Transformer of the needle task."""

    kind: ClassVar[str] = "needle-diff"


@dataclass(frozen=True, kw_only=True)
class NeedleSoftmax(Smeared, SoftmaxTransformer):
    """The baselines of the needle task."""

    kind: ClassVar[str] = "needle-softmax"


def halved(baseline: DecoderConfig, **changes) -> DiffTransformer:
    """Return the DIFF Transformer that matches a baseline: half the heads, the same head size, values twice as wide.

    Raises `BadInput` for an odd number of heads or key heads.
    """
    for name in ("heads", "kv_heads"):
        if getattr(baseline, name) % 2:
            raise BadInput(
                f"{name} = {getattr(baseline, name)} cannot be halved.",
                expected=f"an even number of {name.replace('_', ' ')}",
                do="a DIFF head is made of two heads of the baseline",
            )
    kept = ("vocab", "width", "depth", "ffn", "context", "rope_theta", "eps", "tie", "init_std")
    fields = {name: getattr(baseline, name) for name in kept}
    fields |= {"heads": baseline.heads // 2, "kv_heads": baseline.kv_heads // 2}
    return (NeedleDiff if isinstance(baseline, Smeared) else DiffTransformer)(**(fields | changes))


def attention_flops(config: DecoderConfig, length: int, *, flash: bool = False) -> int:
    """Return the multiply-adds, times 2, of one attention layer's maps on a whole text, projections left out.

    All L² pairs are counted, as a kernel without causal skipping does. flash: both maps of a DIFF head are applied to
    its values one by one, as a fused kernel must, instead of being subtracted first.
    """
    diff = isinstance(config, DiffTransformer)
    maps, size = (2 * config.heads if diff else config.heads), config.width // config.heads
    scores = maps * (size // 2 if diff else size)
    values = (maps if diff and flash else config.heads) * size
    return 2 * length**2 * (scores + values)
