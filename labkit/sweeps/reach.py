"""What a plan touches first: the place from which a pass must be recomputed.

Places are counted in sub-layers as in `prefix.py`: 2k the input of block k, 2k + 1 between its attention and its MLP,
2N after the last block. They are read off the changes a plan makes (a write, a forward, a hook at a site), so that a
new kind of edit needs no line here. What is not recognised counts as touching everything.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from torch import nn

from labkit.anatomy import Address, Anatomy, anatomy_of, site_of
from labkit.interventions import Change, Edit, Forward, Hook, Plan, Write

if TYPE_CHECKING:
    from labkit.zoo import ModelLike

__all__ = ["first_touched"]

# After the attention module has returned, though they belong to the attention.
_BEHIND_ATTENTION = ("attn_post_norm",)


def first_touched(model: ModelLike, plan: Plan) -> int:
    """Return the start from which a pass under `plan` must be computed; raise what is wrong with the plan."""
    return min((_edit(model, edit) for edit in plan), default=2 * anatomy_of(model).depth)


def _edit(model: ModelLike, edit: Edit) -> int:
    anatomy = anatomy_of(model)
    if edit.measures:  # preparing it would run the model
        return _site(anatomy, site_of(model, edit.site).name) if hasattr(edit, "site") else 0
    return min((_change(anatomy, change) for change in edit.prepare(model)), default=2 * anatomy.depth)


def _change(anatomy: Anatomy, change: Change) -> int:
    if isinstance(change, Write):
        address = change.view.address
        return min(_weight(anatomy, name) for name in (address.name, *anatomy.tied(address)))
    if isinstance(change, Forward):
        return _modules(anatomy).get(change.module, 0)
    return _site(anatomy, change.where) if isinstance(change, Hook) else 0


def _weight(anatomy: Anatomy, name: str) -> int:
    address = Address.parse(name)
    if address.layer is None:
        return 2 * anatomy.depth if address.part in ("final_norm", "head") else 0
    block = anatomy.blocks[address.layer]
    shared = address.part == "mlp_norm" and block.attention is not None and block.attention.norm is block.mlp.norm
    behind = (address.part.startswith("mlp") and not shared) or address.part in _BEHIND_ATTENTION
    return 2 * address.layer + behind


_MODULES: WeakKeyDictionary[Anatomy, dict[nn.Module, int]] = WeakKeyDictionary()


def _modules(anatomy: Anatomy) -> dict[nn.Module, int]:
    """Return the start that stands before each module of the sub-layers."""
    if anatomy not in _MODULES:
        found: dict[nn.Module, int] = {}
        for layer, block in enumerate(anatomy.blocks):
            if block.attention is not None:
                before = [*block.attention.module.modules(), block.attention.norm]
                found.update((module, 2 * layer) for module in before if module is not None)
            for part in (block.attention, block.mlp):
                for skipped, _ in part.skip if part is not None else ():
                    for module in skipped.modules():
                        found.setdefault(module, 2 * layer + 1)
        _MODULES[anatomy] = found
    return _MODULES[anatomy]


def _site(anatomy: Anatomy, name: str) -> int:
    _, _, rest = name.partition("layers.")
    layer, _, part = rest.partition(".")
    if not layer.isdecimal() or int(layer) >= anatomy.depth:
        return 0
    # A hook on a module whose forward is a stub still fires, so what a block or an attention returned need not be
    # computed again to be replaced.
    return 2 * int(layer) + {"": 2, "attn": 1, "mlp": 1, "mlp.neurons": 1}.get(part, 0)
