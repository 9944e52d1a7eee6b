"""Who is used: how much each parameter token contributes on a text, and what happens without some of them.

Shapes: B batch, L length, n parameter tokens.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from labkit.anatomy import module_of
from labkit.base.errors import BadInput, unknown
from labkit.interventions.changes import Change, ConflictingWrite
from labkit.interventions.edits import Edit, whole_numbers
from labkit.models import Decoder

from .model import pattention_layers
from .pattention import Pattention

if TYPE_CHECKING:
    from labkit.zoo import ModelLike

__all__ = ["MaskTokens", "effective_number", "least_used", "masks", "usage"]


@torch.no_grad()
def usage(model: Decoder, ids_BL: Tensor) -> dict[str, Tensor]:
    """Return Θ(X Kᵀ) [B, L, n] of every Pattention layer, by name, on token ids [B, L]."""
    model, found, handles = module_of(model), {}, []
    for name, layer in pattention_layers(model).items():

        def keep(layer: Pattention, args: tuple, name: str = name) -> None:
            found[name] = layer.usage(args[0])

        handles.append(layer.register_forward_pre_hook(keep))
    try:
        model(ids_BL)
    finally:
        for handle in handles:
            handle.remove()
    return found


def effective_number(usage_BLn: Tensor) -> Tensor:
    """Return how many tokens share the work, [B, L]: (Σ S²)² / Σ S⁴, 1 when one does it all, n when all do the same."""
    squares = usage_BLn.square()
    return squares.sum(-1).square() / squares.square().sum(-1).clamp_min(1e-30)


def least_used(model: Decoder, ids_BL: Tensor, share: float) -> dict[str, tuple[int, ...]]:
    """Return the `share` of each layer's tokens that contribute least on a text: mean |S| times the value's length.

    Raises `BadInput` for a share outside 0..1.
    """
    if not 0 <= share <= 1:
        raise BadInput(f"share = {share!r} is no share of the tokens.", expected="a number from 0 to 1")
    layers, picked = pattention_layers(module_of(model)), {}
    for name, used_BLn in usage(model, ids_BL).items():
        weight = used_BLn.abs().mean((0, 1)) * layers[name].values.norm(dim=-1)
        picked[name] = tuple(weight.argsort()[: round(share * len(weight))].tolist())
    return picked


class _ZeroRows:
    """A change: rows of a layer's keys become 0, and afterwards what they were."""

    def __init__(self, layer: Pattention, rows: list[int], where: str):
        self.keys, self.rows, self.where, self.before = layer.keys, rows, where, torch.empty(0)

    def install(self) -> None:
        self.before = self.keys.detach()[self.rows].clone()
        with torch.no_grad():
            self.keys[self.rows] = 0.0

    def undo(self) -> ConflictingWrite | None:
        found = self.keys.detach()[self.rows].clone()
        with torch.no_grad():
            self.keys[self.rows] = self.before
        return ConflictingWrite(self.where, f"masked tokens of {self.where}", found) if found.any() else None


@dataclass(frozen=True)
class MaskTokens(Edit):
    """Silence parameter tokens of one layer: their scores become 0, and with them their share in GeLU forms of Θ.

    With τ fixed this equals deleting the rows; with τ live the others keep the τ of all tokens.
    layer: a name such as "layers.0.mlp". tokens: numbers from 0 up.
    """

    layer: str
    tokens: tuple[int, ...]

    kind = "mask-tokens"

    def __post_init__(self) -> None:
        object.__setattr__(self, "tokens", whole_numbers("tokens", self.tokens))

    def prepare(self, model: ModelLike) -> list[Change]:
        """Return one change; raise `UnknownName` for a layer, `BadInput` for a token that is not there."""
        layers = pattention_layers(module_of(model))
        if self.layer not in layers:
            raise unknown("layer", self.layer, layers)
        if max(self.tokens) >= (n := layers[self.layer].tokens):
            raise BadInput(f"{self.layer} has no token {max(self.tokens)}.", expected=f"numbers from 0 to {n - 1}")
        return [_ZeroRows(layers[self.layer], list(self.tokens), self.layer)]

    def __str__(self) -> str:
        return f"mask {len(self.tokens)} tokens of {self.layer}"


def masks(tokens: Mapping[str, Iterable[int]]) -> list[MaskTokens]:
    """Return one edit for each layer with tokens to silence, as `least_used` returns them."""
    return [MaskTokens(layer, tuple(numbers)) for layer, numbers in tokens.items() if numbers]
