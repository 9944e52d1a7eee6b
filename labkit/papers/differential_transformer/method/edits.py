"""Surgery on λ: set it to a number, or take the head norm off, for as long as an edit lasts. Lesson: 04."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import nn

from labkit.anatomy import module_of
from labkit.base.errors import BadInput
from labkit.interventions.changes import Change, Forward
from labkit.interventions.edits import Edit, number, whole_number

from .attention import DiffAttention, HeadNorm

if TYPE_CHECKING:
    from labkit.zoo import ModelLike

__all__ = ["HeadNormOff", "SetLambda", "diff_attention"]


@dataclass(frozen=True)
class SetLambda(Edit):
    """Use `value` for λ in one layer of a DIFF Transformer, in place of what was learned."""

    value: float
    layer: int = 0
    kind = "set_lambda"

    def __post_init__(self) -> None:
        object.__setattr__(self, "value", number("λ", self.value))
        whole_number("layer", self.layer)

    def prepare(self, model: ModelLike) -> list[Change]:
        """Return one change of a forward."""
        lam = diff_attention(model, self.layer).lam
        return [Forward(lam, lambda: torch.tensor(self.value), f"λ of layer {self.layer}")]

    def __str__(self) -> str:
        return f"set λ of layer {self.layer} to {self.value:g}"


@dataclass(frozen=True)
class HeadNormOff(Edit):
    """Let through what the heads of one layer made, without the norm of each head; its fixed factor stays."""

    layer: int = 0
    kind = "head_norm_off"

    def __post_init__(self) -> None:
        whole_number("layer", self.layer)

    def prepare(self, model: ModelLike) -> list[Change]:
        """Return one change of a forward."""
        norm = getattr(mixer_of(model, self.layer), "norm", None)
        if not isinstance(norm, HeadNorm):
            raise BadInput(f"The heads of layer {self.layer} have no norm.", expected="a model with a head norm")
        return [Forward(norm, lambda y_BHLK: norm.factor * norm.weight * y_BHLK, f"head norm of layer {self.layer}")]

    def __str__(self) -> str:
        return f"take the head norm of layer {self.layer} off"


def mixer_of(model: ModelLike, layer: int) -> nn.Module:
    """Return the attention of a layer of one of our decoders; raise `BadInput` where there is none."""
    blocks = getattr(getattr(module_of(model), "trunk", None), "blocks", ())
    if not 0 <= layer < len(blocks):
        raise BadInput(f"There is no layer {layer}.", expected=f"a layer from 0 to {len(blocks) - 1}")
    return blocks[layer].attention.mixer


def diff_attention(model: ModelLike, layer: int = 0) -> DiffAttention:
    """Return the differential attention of a layer; raise `BadInput` for a model that has none."""
    mixer = mixer_of(model, layer)
    if not isinstance(mixer, DiffAttention):
        raise BadInput(
            f"Layer {layer} has {type(mixer).__name__}, and no λ.", expected='a DIFF Transformer such as "needle/diff"'
        )
    return mixer
