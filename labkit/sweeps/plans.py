"""Lists of plans that are swept again and again."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from labkit.anatomy import anatomy_of
from labkit.interventions import DropAttention, DropBlock, DropMLP, Plan, ScaleWeight, ZeroWeight

if TYPE_CHECKING:
    from labkit.zoo import ModelLike

__all__ = ["every_block", "every_sublayer", "weights"]


def every_sublayer(model: ModelLike) -> list[Plan]:
    """Return one plan per sub-layer, in order: leave out the attention of layer 0, its MLP, and so on."""
    plans = []
    for layer, block in enumerate(anatomy_of(model).blocks):
        plans += [Plan(DropAttention(layer))] if block.attention is not None else []
        plans += [Plan(DropMLP(layer))] if block.mlp is not None else []
    return plans


def every_block(model: ModelLike) -> list[Plan]:
    """Return one plan per block: leave it out."""
    return [Plan(DropBlock(layer)) for layer in range(anatomy_of(model).depth)]


def weights(addresses: Iterable[str], factor: float = 0.0) -> list[Plan]:
    """Return one plan per address: scale what is there by `factor` (0: zero it)."""
    return [Plan(ScaleWeight(address, factor) if factor else ZeroWeight(address)) for address in addresses]
