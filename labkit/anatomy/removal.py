"""Remove sub-layers of a model of transformers: their modules give way to stand-ins without parameters."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from torch import nn

from labkit.base.errors import BadInput, NotAvailable

from .parts import SublayerParts, anatomy_of
from .skips import Absent, PassOn, WriteNothing

__all__ = ["remove"]


def remove(model: nn.Module, *, attention: Iterable[int] = (), mlp: Iterable[int] = ()) -> None:
    """Remove the attention of some layers and the MLP of some, for good, from the model itself.

    The decode cache then has entries for the attentions that are left, and for no others. Raises `NotAvailable` for
    a sub-layer that is not there.
    """
    anatomy = anatomy_of(model)
    gone = {"attention": tuple(attention), "mlp": tuple(mlp)}
    parts = {(which, layer): getattr(anatomy.layer(layer), which) for which, layers in gone.items() for layer in layers}
    if missing := [f"the {which} of layer {layer}" for (which, layer), part in parts.items() if part is None]:
        raise NotAvailable(f"{missing[0].capitalize()} is not there.", do="choose another layer")
    for (_, layer), part in parts.items():
        _replace(anatomy.blocks[layer].module, part)
    for layer in set(gone["attention"]) & set(gone["mlp"]):
        norm = parts["attention", layer].norm
        if norm is not None and norm is parts["mlp", layer].norm:  # it served both, and now serves none
            _put(anatomy.blocks[layer].module, norm, PassOn())
    _renumber(model, anatomy.blocks, {layer: parts["attention", layer] for layer in gone["attention"]})
    if hasattr(model, "save_pretrained"):
        vars(model)["save_pretrained"] = _refuse_to_save


def _refuse_to_save(*_: Any, **__: Any) -> None:
    """Stand in for `save_pretrained`: what it writes would come back with random numbers in the parts that are gone."""
    raise BadInput(
        "A model without some of its parts has no form in which transformers could load it again.",
        expected="the whole model, and the plan beside it",
        do="labkit.save_cut(model, plan, folder) writes the intact model so; or plan.save(path), and shrink again",
    )


def _replace(block: nn.Module, part: SublayerParts) -> None:
    for module, skip in part.skip:
        # Of removed attentions none counts in the cache, but the one that `_renumber` tells to.
        _put(block, module, WriteNothing(skip.returns, layer=None) if isinstance(skip, WriteNothing) else skip)


def _put(block: nn.Module, old: nn.Module, skip: Any) -> None:
    """Put a stand-in where `old` is, wherever in the block that may be."""
    for parent in list(block.modules()):
        for name, child in list(parent._modules.items()):
            if child is old:
                parent._modules[name] = Absent(skip)


def _renumber(model: nn.Module, blocks: Sequence[Any], removed: dict[int, SublayerParts]) -> None:
    """Give the entries of the cache to the attentions that are left, in order.

    An entry is of the kind of its place (a window, or all of the past), so places are given out kind by kind. The
    first entry of a kind also says how many tokens there were: where no attention of a kind is left, the first one
    removed goes on counting there, one number a token.
    """
    kinds = getattr(model.config, "layer_types", None) or ["all"] * len(blocks)
    for kind in dict.fromkeys(kinds):
        places = [layer for layer, own in enumerate(kinds) if own == kind]
        left = [layer for layer in places if layer not in removed and blocks[layer].attention is not None]
        for place, layer in zip(places, left):
            blocks[layer].attention.module.layer_idx = place
        gone = [layer for layer in places if layer in removed]
        if gone and not left:
            blocks[gone[0]].module.apply(lambda module, place=places[0]: _count_at(module, place))


def _count_at(module: nn.Module, place: int) -> None:
    if isinstance(module, Absent) and isinstance(module.skip, WriteNothing) and module.skip.returns == "tuple":
        module.skip.layer = place
