"""Single weights instead of whole parts: magnitude pruning and Wanda, the paper's Table 9, on a copy of the model.

magnitude   |W|                                       the lowest share of each matrix goes
wanda       |W_oi| · ‖x_i‖₂ over calibration tokens   the lowest share of each row goes (Sun et al. 2023, section 3)

The share is of every matrix of the blocks; embedding, norms and head stay. Nothing becomes smaller or faster: the
zeros are stored and multiplied like other numbers. Shapes: B texts, L tokens, O out, I in.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from labkit.anatomy import Site, anatomy_of, module_of, record, view
from labkit.base.errors import BadInput, unknown
from labkit.measurements import sizes_of
from labkit.measurements.runs import batches, checked_documents

if TYPE_CHECKING:
    from labkit.zoo import ModelLike

__all__ = ["matrices", "pruned"]

WAYS = ("magnitude", "wanda")


def matrices(model: ModelLike) -> list[str]:
    """Return the addresses of all matrices of the blocks."""
    mlp = ("mlp.gate", "mlp.up", "mlp.down") if sizes_of(model).gated else ("mlp.up", "mlp.down")
    parts = {"attention": ("attn.q", "attn.k", "attn.v", "attn.o"), "mlp": mlp}
    blocks = enumerate(anatomy_of(model).blocks)
    return [
        f"layers.{layer}.{name}"
        for layer, block in blocks
        for part, names in parts.items()
        if getattr(block, part) is not None
        for name in names
    ]


def pruned(model: ModelLike, documents: Sequence, share: float, by: str = "wanda") -> Any:
    """Return a copy of `model` (module or handle) with `share` of the weights of its blocks at 0, none trained.

    documents: calibration text; magnitude does not read it. Raises `BadInput` for a share that is none.
    """
    if by not in WAYS:
        raise unknown("way of pruning", by, WAYS)
    if not 0 <= share < 1:
        raise BadInput(f"share = {share!r} of the weights.", expected="at least 0 and less than 1")
    module = copy.deepcopy(module_of(model))
    norms = _input_norms(model, documents) if by == "wanda" else {}
    with torch.no_grad():
        for address in matrices(module):
            w_OI = view(module, address).read()
            score_OI = w_OI.abs() * norms[address] if norms else w_OI.abs().reshape(1, -1)
            gone = int(share * score_OI.shape[1])
            lowest = score_OI.topk(gone, dim=1, largest=False).indices
            keep = torch.ones_like(score_OI).scatter_(1, lowest, 0.0).reshape(w_OI.shape)
            view(module, address).write(w_OI * keep)
    return module if model is module_of(model) else replace(model, model=module)


@torch.no_grad()
def _input_norms(model: ModelLike, documents: Sequence) -> dict[str, Tensor]:
    """Return the norm [I] of each matrix's input over all tokens."""
    anatomy, squares = anatomy_of(model), {}
    sites = [Site(address, anatomy.module(address), "input") for address in matrices(model)]
    for batch in batches(model, checked_documents(model, documents, shortest=1)):
        for address, x_BLI in record(model, batch.ids_BL, sites).items():
            squares[address] = squares.get(address, 0.0) + x_BLI.double().square().sum(dim=(0, 1))
    return {address: total.sqrt().float() for address, total in squares.items()}
