"""The switch of LayerNorm Scaling on a live model: every block's norms multiplied by ℓ^-p, or no longer so.

Switching it on in a model trained without it changes the function: the paper's method is a way to train. With
`compensate` the gains are multiplied by ℓ^p at the same time, and the function is what it was.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from torch import Tensor, nn

from labkit.anatomy import Anatomy, Site, SublayerParts, anatomy_of, module_of, site_of
from labkit.base.errors import BadInput, unknown
from labkit.interventions.changes import Change, Hook, Write
from labkit.interventions.edits import Edit, number

from .positions import POSITIONS
from .slots import AddAndScale, Scaled, Times

if TYPE_CHECKING:
    from labkit.zoo import ModelLike

__all__ = ["SwitchLayerNormScaling"]


@dataclass(frozen=True)
class SwitchLayerNormScaling(Edit):
    """Multiply by ℓ^-p, ℓ = layer + 1, in every block (on), or take the model's own such factors out (off).

    position: before-norm, after-norm (the paper's), after-branch, attention or mlp (after that branch's norm alone).
    compensate: multiply the gains (and LayerNorm's biases) by ℓ^p, so that the function stays.
    A model with LayerNorm Scaling of its own is brought to what the switch says, never scaled twice. A block keeps its
    ℓ whatever other blocks are dropped. Two switches at once multiply.

    Raises `BadInput` for a model without a norm in front of its sub-layers, naming the norms it has.
    """

    on: bool = True
    p: float = 0.5
    position: str = "after-norm"
    compensate: bool = False

    def __post_init__(self) -> None:
        for name in ("on", "compensate"):
            if not isinstance(getattr(self, name), bool):
                raise BadInput(f"{name} = {getattr(self, name)!r}.", expected="true or false")
        object.__setattr__(self, "p", number("p", self.p))
        if abs(self.p) > 8:
            raise BadInput(f"p = {self.p:g} leaves nothing of deep blocks.", expected="-8 to 8; the paper's is 0.5")
        if self.position not in POSITIONS:
            raise unknown("position of the switch", self.position, POSITIONS)
        if self.compensate and self.position in ("before-norm", "after-branch"):
            raise BadInput(
                f"Gains cannot make up for a factor {self.position.replace('-', ' the ')}.",
                expected="after-norm, attention or mlp with compensate",
                do="compensate=False",
            )

    def prepare(self, model: ModelLike) -> list[Change]:
        """Return a hook per factor, and a write per gain that makes up for it."""
        anatomy = _with_norms(model)
        changes: list[Change] = []
        for layer, which, part in _sublayers(anatomy, self.position):
            place, s = f"layers.{layer}.{which}", (layer + 1) ** -self.p if self.on else 1.0
            if self.on and self.position == "before-norm":
                changes.append(Hook.at(Site(f"{place}_norm", part.norm, "input"), Factor(s)))
            if self.on and self.position == "after-branch":
                changes.append(Hook.at(site_of(model, place), Factor(s)))
            wanted = s if self.position in ("after-norm", _POSITION[which]) else 1.0
            missing = wanted / getattr(part.norm, "after", 1.0)
            if missing != 1.0:
                changes.append(Hook.at(Site(f"{place}_norm", part.norm, "output"), Factor(missing)))
                changes += self._made_up_for(anatomy, f"{place}_norm", 1 / missing)
        return changes

    def _made_up_for(self, anatomy: Anatomy, norm: str, factor: float) -> list[Change]:
        if not self.compensate:
            return []
        held = [name for name in (norm, f"{norm}.bias") if name in anatomy.addresses()]
        if norm not in held:
            raise BadInput(
                f"The norms of this {anatomy.family} model have no gain that could make up for the factor.",
                expected="norms with gains",
                do="compensate=False switches the factor alone",
            )
        return [Write(anatomy.view(name), Factor(factor)) for name in held]

    def __str__(self) -> str:
        if not self.on:
            return "switch LayerNorm Scaling off" + (", the gains made up for" if self.compensate else "")
        gains = f", gains times ℓ^{self.p:g}" if self.compensate else ""
        return f"switch LayerNorm Scaling on: ℓ^{-self.p:g} ({self.position}){gains}"


_POSITION = {"attn": "attention", "mlp": "mlp"}


class Factor:
    """A number times what is at a site or an address; no closure, so that copies of a model take it along."""

    def __init__(self, factor: float):
        self.factor = factor

    def __call__(self, x: Tensor) -> Tensor:
        return x * self.factor


def _sublayers(anatomy: Anatomy, position: str) -> Iterator[tuple[int, str, SublayerParts]]:
    """Yield layer, "attn" or "mlp", and parts of every sub-layer; one that shares the other's norm only once."""
    for layer, block in enumerate(anatomy.blocks):
        shared = None not in (block.attention, block.mlp) and block.attention.norm is block.mlp.norm
        if shared and position in ("attention", "mlp"):
            raise BadInput(
                f"Attention and MLP of layer {layer} read one and the same norm.",
                do='position="after-norm" scales both',
            )
        for which, part in (("attn", block.attention), ("mlp", block.mlp)):
            if part is not None and not (shared and which == "mlp" and position != "after-branch"):
                yield layer, which, part


def _with_norms(model: ModelLike) -> Anatomy:
    """Return the anatomy of a model that has a norm in front of every sub-layer, and no factor of its own elsewhere."""
    module = module_of(model)
    try:
        anatomy = anatomy_of(model)
    except BadInput as error:
        raise _without_norm(module, "no norm in front of its sub-layers that labkit knows") from error
    behind = anatomy.description.attn.norms_sum  # then what the anatomy calls the norm stands after the sum
    for layer, block in enumerate(anatomy.blocks):
        for name, part in (("attention", block.attention), ("MLP", block.mlp)):
            if part is not None and (behind or part.norm is None or isinstance(part.norm, nn.Identity)):
                raise _without_norm(module, f"no norm in front of the {name} of layer {layer}")
    for part in module.modules():
        if isinstance(part, Times | AddAndScale) or (isinstance(part, Scaled) and part.before != 1.0):
            raise BadInput(
                f"This model has a factor of its own elsewhere ({type(part).__name__}).",
                expected="a model without such factors, or with LayerNorm Scaling behind its norms",
            )
    return anatomy


def _without_norm(module: nn.Module, what: str) -> BadInput:
    norms = {
        re.sub(r"\.\d+\.", ".*.", name): type(part).__name__
        for name, part in module.named_modules()
        if "norm" in type(part).__name__.lower() and not list(part.children())
    }
    found = ", ".join(f"{name} ({kind})" for name, kind in norms.items()) or "none"
    return BadInput(
        f"{type(module).__name__} has {what}. Its norms: {found}.",
        expected="a pre-norm decoder: h + f(norm(h))",
        do="LayerNorm Scaling belongs after such a norm; a model that norms after the sum has no place for it",
    )
