"""How gradients reach the layers, and what training made of them.

Nothing is left in the model: gradients are taken with respect to shadows of its parameters.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.func import functional_call

from labkit.anatomy import anatomy_of, in_eval_mode, module_of, site_of
from labkit.base.errors import BadInput
from labkit.measurements.measures import token_losses
from labkit.measurements.profiles import LayerProfile, profile
from labkit.measurements.runs import checked_documents

if TYPE_CHECKING:
    from labkit.zoo import ModelLike

__all__ = ["gradient_norms", "weight_changes"]

_BRANCHES = ("attention", "mlp")


def gradient_norms(model: ModelLike, documents: Sequence, *, seed: int = 0) -> LayerProfile:
    """Return norms of the gradient of each document's mean loss, by layer.

    Lines: attention and mlp, over the weights of that sub-layer and its norms; stream, with respect to the stream
    after the block, all tokens together.
    """
    anatomy, checked = anatomy_of(model), checked_documents(model, documents)
    names = _names(model)
    owners = [[_weights(model, names, layer, which) for layer in range(anatomy.depth)] for which in _BRANCHES]
    found = {name: [[] for _ in range(anatomy.depth)] for name in (*_BRANCHES, "stream")}

    def work(module: nn.Module) -> None:
        for ids_L in checked:
            gradients, streams = _gradients(model, module, ids_L.to(anatomy.embed.weight.device)[None])
            for layer in range(anatomy.depth):
                for which, names in zip(_BRANCHES, owners):
                    found[which][layer].append(_norm([gradients[name] for name in names[layer]]))
                found["stream"][layer].append(_norm([streams[layer]]))

    in_eval_mode(model, work)
    title = "How much gradient reaches each layer?"
    return profile(title, "norm of the gradient", found, seed=seed)


def weight_changes(before: Any, after: Any) -> LayerProfile:
    """Return |W_after - W_before| / |W_before| of each sub-layer, for two checkpoints of one model.

    One pair of checkpoints gives no interval.
    """
    old, new = (dict(module_of(model).named_parameters()) for model in (before, after))
    if {name: p.shape for name, p in old.items()} != {name: p.shape for name, p in new.items()}:
        raise BadInput("The two models have different weights.", expected="two checkpoints of one model")
    found: dict[str, list[list[float]]] = {which: [] for which in _BRANCHES}
    known = _names(before)
    for which in _BRANCHES:
        for layer in range(anatomy_of(before).depth):
            names = _weights(before, known, layer, which)
            moved = _norm([new[name].detach().cpu() - old[name].detach().cpu() for name in names])
            size = _norm([old[name].detach().cpu() for name in names])
            found[which].append([moved / size if size else 0.0])
    return profile("How far did training move the weights?", "|change| / |weights|", found, over="pair of checkpoints")


def _names(model: ModelLike) -> dict[int, str]:
    """Return the name of every parameter by its identity."""
    return {id(p): name for name, p in module_of(model).named_parameters()}


def _weights(model: ModelLike, names: dict[int, str], layer: int, which: str) -> list[str]:
    """Return the names of the parameters of a sub-layer and the norms and scales around it."""
    part = getattr(anatomy_of(model).layer(layer), which)
    if part is None:
        return []
    modules = [part.module, part.norm, part.post_norm, part.writer, *(skipped for skipped, _ in part.skip)]
    mine = {id(p): None for module in modules if module is not None for p in module.parameters()}
    return [names[p] for p in mine]


@torch.enable_grad()
def _gradients(model: ModelLike, module: nn.Module, ids_BL: Tensor) -> tuple[dict[str, Tensor], list[Tensor]]:
    """Return the gradients of the mean loss by parameter, and by the stream after each block."""
    shadows = {name: p.detach().requires_grad_() for name, p in module.named_parameters()}
    streams: list[Tensor] = []
    sites = [site_of(model, f"layers.{layer}") for layer in range(anatomy_of(model).depth)]
    handles = [site.hook(streams.append) for site in sites]
    try:
        logits_BLV = functional_call(module, shadows, (), {"input_ids": ids_BL, "use_cache": False}).logits
    finally:
        for handle in handles:
            handle.remove()
    loss = _loss(logits_BLV.float(), ids_BL)
    found = torch.autograd.grad(loss, [*shadows.values(), *streams], allow_unused=True)
    found = [torch.zeros(()) if gradient is None else gradient for gradient in found]
    return dict(zip(shadows, found)), found[len(shadows) :]


def _loss(logits_BLV: Tensor, ids_BL: Tensor) -> Tensor:
    return token_losses(logits_BLV, ids_BL).mean()


def _norm(tensors: Sequence[Tensor]) -> float:
    return float(sum(float(tensor.double().square().sum()) for tensor in tensors)) ** 0.5
