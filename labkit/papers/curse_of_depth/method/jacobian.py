"""The derivative of a block: how close it is to passing the stream on.

J = ∂h_t(after the block) / ∂h_t(before it) at one token t, [D, D]. A block that does nothing has J = I. Two numbers
say how far it is from that: |J - I| / |I| (Frobenius), and the share of the diagonal, the mean over rows i of
|J_ii| / Σ_j |J_ij|, which is 1 for a diagonal matrix.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from labkit.anatomy import anatomy_of, in_eval_mode, site_of, tokens
from labkit.anatomy.sites import Site
from labkit.base.errors import BadInput
from labkit.measurements.profiles import LayerProfile, profile
from labkit.measurements.runs import checked_documents

if TYPE_CHECKING:
    from labkit.zoo import ModelLike

__all__ = ["block_jacobian", "block_jacobians", "diagonal_share", "distance_from_identity"]

ROWS = 32  # of one Jacobian computed at once: as many copies of the text run through the model


def distance_from_identity(jacobian_DD: Tensor) -> float:
    """Return |J - I| / |I| in the Frobenius norm."""
    size = len(jacobian_DD)
    return float((jacobian_DD.double() - torch.eye(size, device=jacobian_DD.device)).norm() / size**0.5)


def diagonal_share(jacobian_DD: Tensor) -> float:
    """Return the mean over rows of |J_ii| / Σ_j |J_ij| (0 for a row of zeros)."""
    size_DD = jacobian_DD.double().abs()
    return float((size_DD.diagonal() / size_DD.sum(dim=1).clamp_min(1e-300)).mean())


def block_jacobian(model: ModelLike, ids: Any, layer: int, position: int = -1) -> Tensor:
    """Return ∂h_t(after block `layer`) / ∂h_t(before it) as [D, D] on the CPU, at token `position` of one text [L].

    By reverse differentiation, exact up to rounding, on any family; what block `layer` reads is that of a plain pass.
    """
    ids_BL = tokens(model, ids)
    anatomy = anatomy_of(model)
    block = anatomy.layer(layer).module
    if ids_BL.shape[0] != 1 or not -ids_BL.shape[1] <= position < ids_BL.shape[1]:
        raise BadInput(
            f"There is no position {position} in ids of shape {list(ids_BL.shape)}.",
            expected="one text, and a position in it",
        )
    ends = Site("before", block, "input"), site_of(model, f"layers.{layer}")

    def work(module: nn.Module) -> Tensor:
        rows = torch.arange(anatomy.width).split(ROWS)
        return torch.cat([_rows(module, ids_BL, ends, position, chosen) for chosen in rows])

    return in_eval_mode(model, work)


def block_jacobians(
    model: ModelLike, documents: Sequence, *, positions: Sequence[int] = (-1,), seed: int = 0
) -> LayerProfile:
    """Return both numbers for every block, averaged over the given positions of each document, then over documents.

    A Jacobian costs a pass with gradients per 32 channels; a few short documents will do.
    """
    checked = checked_documents(model, documents, shortest=1)
    measures = {"|J - I| / |I|": distance_from_identity, "share of the diagonal": diagonal_share}
    found = {name: [[] for _ in range(anatomy_of(model).depth)] for name in measures}
    for ids_L in checked:
        for layer in range(anatomy_of(model).depth):
            jacobians = [block_jacobian(model, ids_L, layer, position) for position in positions]
            for name, measure in measures.items():
                found[name][layer].append(sum(map(measure, jacobians)) / len(jacobians))
    return profile("How close is each block to the identity?", "of the Jacobian", found, seed=seed)


@torch.enable_grad()
def _rows(module: nn.Module, ids_BL: Tensor, ends: tuple[Site, Site], position: int, rows: Tensor) -> Tensor:
    """Return some rows of the Jacobian [rows, D]: copy r of the text asks for the gradient of channel rows[r]."""
    before, after = [], []

    def enter(stream: Tensor) -> Tensor:
        before.append(stream.detach().requires_grad_())
        return before[0]

    def leave(stream: Tensor) -> Tensor:
        after.append(stream)
        return stream.detach()  # what follows needs no graph

    handles = [ends[0].hook(enter), ends[1].hook(leave)]
    try:
        module(input_ids=ids_BL.expand(len(rows), -1), use_cache=False)
    finally:
        for handle in reversed(handles):
            handle.remove()
    asked = after[0][torch.arange(len(rows)), position, rows.to(after[0].device)].sum()
    return torch.autograd.grad(asked, before[0])[0][:, position].cpu()
