"""From a plan of drops to a physically smaller model that computes the same; and plans of drops from lists."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from labkit.anatomy import anatomy_of, model_lock, module_of
from labkit.anatomy import remove as remove_parts
from labkit.base.errors import BadInput, NotAvailable
from labkit.models import Decoder, shrunk

from .audit import left_behind
from .drops import DropAttention, DropBlock, DropMLP
from .edits import Edit, WeightEdit
from .plan import Plan
from .use import active_on, applied_to

if TYPE_CHECKING:
    from labkit.zoo import ModelLike

__all__ = ["dropped", "drops", "shrink"]

_PARTS: dict[type[Edit], tuple[str, ...]] = {
    DropAttention: ("attention",),
    DropMLP: ("mlp",),
    DropBlock: ("attention", "mlp"),
}


def drops(
    model: ModelLike,
    *,
    attention: Sequence[int] | Sequence[bool] = (),
    mlp: Sequence[int] | Sequence[bool] = (),
    blocks: Sequence[int] | Sequence[bool] = (),
) -> Plan:
    """Return the plan that drops these layers' parts: lists of layers, or one True or False per layer.

    Raises `BadInput` for a layer out of range or named twice, or when nothing of the model would be left.
    """
    kinds = ((DropAttention, attention), (DropMLP, mlp), (DropBlock, blocks))
    plan = Plan(kind(layer) for kind, layers in kinds for layer in _layers(model, layers))
    dropped(model, plan)
    return plan


def dropped(model: ModelLike, plan: Any) -> dict[str, tuple[int, ...]]:
    """Return the layers whose "attention" and whose "mlp" a plan of drops leaves out, in order.

    Raises `BadInput` for an edit that is no drop, a part that is dropped twice or that the model does not have, and
    for a plan that leaves no sub-layer.
    """
    gone: dict[str, list[int]] = {"attention": [], "mlp": []}
    blocks = anatomy_of(model).blocks
    edit: Any
    for edit in Plan(plan):
        if type(edit) not in _PARTS:
            raise BadInput(f"{edit} is no drop.", expected="DropAttention, DropMLP and DropBlock only")
        block = anatomy_of(model).layer(edit.layer)
        for which in _PARTS[type(edit)]:
            if edit.layer in gone[which]:
                raise BadInput(f"The {which} of layer {edit.layer} is dropped twice.", expected="each part once")
            if getattr(block, which) is None:
                raise NotAvailable(f"Block {edit.layer} has no {which}.", do="choose another layer")
            gone[which].append(edit.layer)
    left = [i for i, b in enumerate(blocks) for w in gone if getattr(b, w) is not None and i not in gone[w]]
    if not left:
        raise BadInput("The plan drops every sub-layer.", expected="at least one that is left", do="drop fewer")
    return {which: tuple(sorted(layers)) for which, layers in gone.items()}


def shrink(model: ModelLike, plan: Any) -> Any:
    """Return a smaller copy of `model` (module or handle) without the parts that a plan of drops leaves out.

    It computes what `edit(model, plan)` computes, with fewer parameters and a decode cache for the attentions that
    are left. Layers keep their numbers. A shrunk decoder of ours is saved and loaded like any other; of a model of
    transformers the copy lives in memory (to keep it, save the plan). Raises `BadInput` as `dropped` does.

    >>> model = labkit.load("lab/tiny")
    >>> labkit.shrink(model, labkit.drops(model, blocks=[1]))
    Handle('lab/tiny', 748,544 parameters)
    """
    module = module_of(model)
    with model_lock(module):
        active = [edit for editing in active_on(module) for edit in editing.plan]
        active += [edit for edit in applied_to(module) if not isinstance(edit, WeightEdit)]  # weights are as they are
        if active:
            raise BadInput(
                f"The model is edited already ({active[0]}).",
                expected="an intact model and one plan",
                do="leave the edit first, and put its drops into the plan",
            )
        if left := left_behind(module):
            raise BadInput(
                f"The model was copied while it was edited ({left[0]}), and the copy stays so.",
                expected="an intact model and one plan",
                do="copy the model outside of `with labkit.edit(...)`, or make an edited copy by labkit.apply",
            )
        gone = dropped(model, plan)
        if isinstance(module, Decoder):
            small = shrunk(module, no_attention=gone["attention"], no_mlp=gone["mlp"])
        else:
            small = copy.deepcopy(module)
            remove_parts(small, **gone)
    return small if model is module else replace(model, model=small)


def _layers(model: ModelLike, layers: Iterable[Any]) -> list[int]:
    """Return layers given as numbers, or as one boolean per layer."""
    given, depth = list(layers), anatomy_of(model).depth
    if any(isinstance(layer, bool) for layer in given):
        if len(given) != depth or not all(isinstance(layer, bool) for layer in given):
            raise BadInput(
                f"{given} does not say of each layer whether to drop it.", expected=f"{depth} of True, False"
            )
        return [layer for layer, drop in enumerate(given) if drop]
    return given
