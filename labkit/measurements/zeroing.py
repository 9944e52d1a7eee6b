"""What zeroing each single weight would do to the loss, estimated for all of them from one backward pass.

Taylor around the model as it is, for a weight w with gradient g (Molchanov et al. 2017; LeCun et al. 1990):

first order    ΔL ≈ -g w
second order   ΔL ≈ -g w + ½ h w², with h, the curvature, taken to be the mean over documents of
               (tokens of the document) · (gradient of its mean loss)²: the empirical Fisher information

Both are exact only for small weights; `labkit.sweeps.zeroing_agreement` puts them beside the true change.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.func import functional_call

from labkit.anatomy import Address, anatomy_of, in_eval_mode, view
from labkit.base.errors import BadInput, unknown
from labkit.zoo.finite import tell_not_finite

from .runs import batches, checked_documents, text_hash

if TYPE_CHECKING:
    from labkit.zoo import ModelLike

__all__ = ["ZeroingEstimates", "zeroing_estimates"]


@dataclass(frozen=True, kw_only=True)
class ZeroingEstimates:
    """`values[address]` holds the estimated change of loss (nats/token) for zeroing each weight there, [out, in].

    Shared weights stand under their first name. order: 1 or 2. n: documents.
    """

    values: Mapping[str, Tensor]
    order: int
    text: str
    n: int

    def at(self, address: str) -> float:
        """Return the estimate for one weight, such as "layers.3.mlp.down[12, 7]"."""
        parsed = Address.parse(address)
        if parsed.name not in self.values:
            raise unknown("address", parsed.name, self.values)
        return float(self.values[parsed.name][parsed.index])

    def top(self, n: int) -> tuple[str, ...]:
        """Return the `n` weights whose loss is estimated to cost most, the costliest first."""
        best = [
            (float(value), f"{name}[{_index(int(place), tensor.shape)}]")
            for name, tensor in self.values.items()
            for value, place in zip(*tensor.flatten().topk(min(n, tensor.numel())))
        ]
        return tuple(address for _, address in sorted(best, key=lambda pair: -pair[0])[:n])

    def drawn(self, n: int, seed: int = 0) -> tuple[str, ...]:
        """Return `n` different weights, every weight of the model being as likely as any other."""
        names = list(self.values)
        ends = np.cumsum([self.values[name].numel() for name in names])
        if not 1 <= n <= ends[-1]:
            raise BadInput(f"There are no {n} weights to draw.", expected=f"1 to {ends[-1]:,}")
        places = np.random.default_rng(seed).choice(ends[-1], size=n, replace=False)
        owners = np.searchsorted(ends, places, side="right")
        return tuple(
            f"{names[i]}[{_index(int(place - (ends[i - 1] if i else 0)), self.values[names[i]].shape)}]"
            for i, place in zip(owners, places)
        )

    def __len__(self) -> int:
        """Return how many weights there are."""
        return sum(tensor.numel() for tensor in self.values.values())


def zeroing_estimates(model: ModelLike, documents: Sequence, *, order: int = 1) -> ZeroingEstimates:
    """Return the estimate for every weight of the model at once; the model, its gradients included, is left as it was.

    Costs one backward pass over the documents; the second order takes them one by one.
    """
    if order not in (1, 2):
        raise BadInput(f"order = {order!r}.", expected="1 or 2")
    checked = checked_documents(model, documents)
    names = _first_names(model)

    def work(module: nn.Module) -> dict[str, Tensor]:
        first, second = _sums(module, checked, order)
        found = {}
        for name in names:
            seen = view(model, name)
            w = seen.read().double()
            found[name] = -_like(seen, first) * w
            if order == 2:
                found[name] += 0.5 * _like(seen, second) * w.square()
        return {name: tensor.cpu() for name, tensor in found.items()}

    return ZeroingEstimates(values=in_eval_mode(model, work), order=order, text=text_hash(checked), n=len(checked))


def _sums(module: nn.Module, checked: list[Tensor], order: int) -> tuple[dict[int, Tensor], dict[int, Tensor]]:
    """Return the gradient of the mean loss over all tokens, and the curvature, by parameter."""
    own = dict(module.named_parameters())
    shadows = {name: p.detach().requires_grad_() for name, p in own.items()}
    total = sum(len(ids) - 1 for ids in checked)
    first = {id(p): torch.zeros_like(p, dtype=torch.float64) for p in own.values()}
    second = {key: value.clone() for key, value in first.items()} if order == 2 else {}
    groups = (
        [(ids[None].to(next(iter(own.values())).device), len(ids) - 1) for ids in checked]
        if order == 2
        else [(b.ids_BL, b.ids_BL[:, 1:].numel()) for b in batches(module, checked)]
    )
    for ids_BL, tokens in groups:
        gradients = _gradients(module, shadows, ids_BL)
        for parameter, gradient in zip(own.values(), gradients):
            if gradient is None:
                continue
            gradient = gradient.detach().double()
            first[id(parameter)] += gradient / total
            if order == 2:  # gradient / tokens is that of the document's mean loss
                second[id(parameter)] += gradient.square() / tokens / len(checked)
    return first, second


@torch.enable_grad()
def _gradients(module: nn.Module, shadows: dict[str, Tensor], ids_BL: Tensor) -> tuple[Tensor | None, ...]:
    """Return the gradients of the summed loss; shadows keep them out of the model's own parameters."""
    output = functional_call(module, shadows, kwargs={"input_ids": ids_BL, "use_cache": False}, args=())
    tell_not_finite(module, ids_BL, output)
    logits_TV = output.logits[:, :-1].flatten(0, 1).float()
    loss = nn.functional.cross_entropy(logits_TV, ids_BL[:, 1:].flatten(), reduction="sum")
    return torch.autograd.grad(loss, list(shadows.values()), allow_unused=True)


def _like(seen: Any, by_parameter: dict[int, Tensor]) -> Tensor:
    """Return the part of a table of a stored parameter that a view shows, as [out, in]."""
    stored = by_parameter[id(seen.parameter)]
    stored = stored.T if seen.place.transposed else stored
    rows = seen.place.rows
    return stored[torch.as_tensor(list(rows)) if isinstance(rows, range) else rows]


def _first_names(model: ModelLike) -> list[str]:
    anatomy, kept, known = anatomy_of(model), [], set()
    for name in anatomy.addresses():
        if name not in known:
            kept.append(name)
            known.update(anatomy.tied(name))
    return kept


def _index(place: int, shape: Sequence[int]) -> str:
    return ", ".join(map(str, np.unravel_index(place, tuple(shape))))
