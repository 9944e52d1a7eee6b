"""Routers as things to edit: set one entry, cut a layer off, write a whole router, forget the past.

Layers, heads and sources are counted from 0, as everywhere in labkit; layer 0 has no router.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from labkit.anatomy import Address, View, module_of
from labkit.anatomy.address import Axis
from labkit.anatomy.view import Place
from labkit.base.errors import BadInput
from labkit.interventions.changes import Change, Write
from labkit.interventions.edits import Edit, number, whole_number
from labkit.models import Decoder

from .attention import HiddenMixture
from .router import Router

if TYPE_CHECKING:
    from labkit.zoo import ModelLike

__all__ = ["CutRoutes", "ForgetPast", "SetRoute", "SetRouter", "SetShares", "routers_of"]


def routers_of(model: ModelLike) -> dict[int, Router]:
    """Return the learned routers of a LIMe model by layer; raise `BadInput` for a model that has none.

    Where keys and values have routers apart, that of the values is returned.
    """
    module = module_of(model)
    blocks = module.trunk.blocks if isinstance(module, Decoder) else ()
    held = {layer: getattr(block.attention.mixer, "routers", {}) for layer, block in enumerate(blocks)}
    found = {layer: routers[name] for layer, routers in held.items() for name in routers if name in ("kv", "v")}
    if not any(isinstance(router, Router) for router in found.values()):
        raise BadInput("This model has no routers to read or set.", expected="a LIMe model", do='load("lime/routed")')
    return found


@dataclass(frozen=True)
class SetRoute(Edit):
    """Set one entry: how much head `head` of layer `layer` reads of head `source_head` of layer `source`."""

    layer: int
    head: int
    source: int
    source_head: int
    value: float

    def __post_init__(self) -> None:
        for name in ("layer", "head", "source", "source_head"):
            whole_number(name, getattr(self, name))
        object.__setattr__(self, "value", number("value", self.value))

    def prepare(self, model: ModelLike) -> list[Change]:
        """Return one write."""
        router = _router(model, self.layer)
        if self.source not in router.layers:
            raise BadInput(f"Layer {self.layer} does not read layer {self.source}.", expected=f"one of {router.layers}")
        if max(self.head, self.source_head) >= router.heads:
            raise BadInput(f"There is no head {max(self.head, self.source_head)}.", expected=f"0 to {router.heads - 1}")
        column = router.layers.index(self.source) * router.heads + self.source_head
        return [_write(router, self.layer, Constant(self.value), (self.head, column))]

    def __str__(self) -> str:
        return f"head {self.layer}.{self.head} reads {self.value:g} of head {self.source}.{self.source_head}"


@dataclass(frozen=True)
class CutRoutes(Edit):
    """Set every entry by which layer `layer` reads layer `source` to 0."""

    layer: int
    source: int

    def __post_init__(self) -> None:
        whole_number("layer", self.layer), whole_number("source", self.source)

    def prepare(self, model: ModelLike) -> list[Change]:
        """Return one write."""
        router = _router(model, self.layer)
        if self.source not in router.layers:
            raise BadInput(f"Layer {self.layer} does not read layer {self.source}.", expected=f"one of {router.layers}")
        first = router.layers.index(self.source) * router.heads
        return [_write(router, self.layer, Constant(0.0), (None, (first, first + router.heads)))]

    def __str__(self) -> str:
        return f"cut layer {self.layer} off from layer {self.source}"


@dataclass(frozen=True)
class ForgetPast(Edit):
    """Set every entry that reads an earlier layer to 0; what a layer reads of itself stays."""

    def prepare(self, model: ModelLike) -> list[Change]:
        """Return one write for each router."""
        return [
            _write(router, layer, Constant(0.0), (None, (0, (len(router.layers) - 1) * router.heads)))
            for layer, router in routers_of(model).items()
            if len(router.layers) > 1
        ]

    def __str__(self) -> str:
        return "forget the past: every layer reads itself alone"


@dataclass(frozen=True)
class SetRouter(Edit):
    """Write the whole router of layer `layer`: one row for each head, one column for each buffer.

    Raises `BadInput` for a matrix of another shape, such as the router of another depth, and for numbers that are none.
    """

    layer: int
    rows: tuple[tuple[float, ...], ...]

    def __post_init__(self) -> None:
        whole_number("layer", self.layer)
        object.__setattr__(self, "rows", _finite_rows(self.rows))

    def prepare(self, model: ModelLike) -> list[Change]:
        """Return one write."""
        router, values = _router(model, self.layer), torch.tensor(self.rows)
        if tuple(values.shape) != router.shape:
            raise BadInput(
                f"A router of shape {list(values.shape)} does not belong to layer {self.layer}.",
                expected=f"{list(router.shape)}: heads by (layers read × heads)",
                do="take the router of the same layer of a model with as many heads",
            )
        return [_write(router, self.layer, Constant(values))]

    def __str__(self) -> str:
        return f"write the router of layer {self.layer}"


@dataclass(frozen=True)
class SetShares(Edit):
    """LIMe v1, static: set the shares with which the heads of layer `layer` read the layers; each row sums to 1."""

    layer: int
    rows: tuple[tuple[float, ...], ...]

    def __post_init__(self) -> None:
        whole_number("layer", self.layer)
        object.__setattr__(self, "rows", _finite_rows(self.rows))
        for row in self.rows:
            if min(row) < 0 or not math.isclose(sum(row), 1.0, abs_tol=1e-5):
                raise BadInput(f"The shares {row} sum to {sum(row):g}.", expected="shares of at least 0 that sum to 1")

    def prepare(self, model: ModelLike) -> list[Change]:
        """Return one write of the logarithms, whose softmax the shares are."""
        blocks = module_of(model).trunk.blocks
        mixture = getattr(blocks[self.layer].attention.mixer, "mixture", None) if self.layer < len(blocks) else None
        values = torch.tensor(self.rows)
        if not isinstance(mixture, HiddenMixture) or mixture.dynamic or values.shape != mixture.weight.shape:
            raise BadInput(
                f"Layer {self.layer} has no static shares of shape {list(values.shape)}.", expected="LIMe v1, static"
            )
        return [_write(mixture, self.layer, Constant(values.clamp_min(1e-12).log()))]

    def __str__(self) -> str:
        return f"set the shares of layer {self.layer}"


class Constant:
    """A rule for `Write` that knows its answer."""

    def __init__(self, values: Tensor | float):
        self.values = values

    def __call__(self, old: Tensor) -> Tensor:
        return torch.as_tensor(self.values, dtype=old.dtype, device=old.device).expand(old.shape)


def _router(model: ModelLike, layer: int) -> Router:
    routers = routers_of(model)
    if layer not in routers:
        raise BadInput(f"Layer {layer} has no router.", expected=f"one of the layers {', '.join(map(str, routers))}")
    return routers[layer]


def _write(module: nn.Module, layer: int, rule: Callable[[Tensor], Tensor], index: tuple[Axis, ...] = ()) -> Write:
    place = Place(module, "weight", range(module.weight.shape[0]))
    return Write(View(Address("attn.router", layer, index=index), place), rule)


def _finite_rows(rows: Any) -> tuple[tuple[float, ...], ...]:
    made = tuple(tuple(number("an entry", value) for value in row) for row in rows)
    if not made or len({len(row) for row in made}) != 1 or not made[0]:
        raise BadInput("The rows of a router differ in length or are missing.", expected="rows of equal length")
    return made
