"""Heal a cut model by LoRA (Hu et al. 2021, section 4.1): W + (α / r) B A, of which only A and B are trained.

W stays as it was, so what is learnt is a small file beside it; here it is added into W in the end. B begins at 0, so
that before the first step the model is the cut one. Shapes: O out, I in, r the rank.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from labkit.anatomy import module_of
from labkit.interventions import Plan, shrink
from labkit.interventions.healing import Healed, heal

if TYPE_CHECKING:
    from labkit.zoo import ModelLike

__all__ = ["LowRank", "heal_by_lora"]


class LowRank(nn.Module):
    """W [O, I] becomes W + scale · B [O, r] A [r, I]."""

    def __init__(self, out: int, into: int, rank: int, scale: float, generator: torch.Generator):
        super().__init__()
        self.down = nn.Parameter(torch.randn(rank, into, generator=generator) / into**0.5)
        self.up = nn.Parameter(torch.zeros(out, rank))
        self.scale = scale

    def forward(self, w_OI: Tensor) -> Tensor:
        """Return the changed matrix [O, I]."""
        return w_OI + self.scale * self.up @ self.down


def heal_by_lora(
    model: ModelLike,
    plan: Any = (),
    *,
    rank: int = 8,
    alpha: float = 16.0,
    steps: int = 60,
    lr: float = 1e-3,
    documents: Mapping[str, int] | None = None,
    seed: int = 0,
) -> Healed:
    """Do what `labkit.interventions.heal` does, training A and B of every matrix of the blocks instead of the weights.

    The copy that is returned is an ordinary decoder: A and B have been added to its matrices.
    """
    small = shrink(model, plan) if len(Plan(plan)) else model
    with_lora = _wrapped(small, rank, alpha / rank, torch.Generator().manual_seed(seed))
    healed = heal(with_lora, steps=steps, lr=lr, documents=documents, seed=seed)
    for linear in _linears(module_of(healed.model)):
        parametrize.remove_parametrizations(linear, "weight")
    module_of(healed.model).requires_grad_(True)
    return healed


def _wrapped(model: ModelLike, rank: int, scale: float, generator: torch.Generator) -> Any:
    """Return a copy whose own weights rest, each matrix of its blocks with a low-rank term to be trained."""
    module = copy.deepcopy(module_of(model)).requires_grad_(False)
    for linear in _linears(module):
        out, into = linear.weight.shape
        parametrize.register_parametrization(linear, "weight", LowRank(out, into, rank, scale, generator))
    return module if model is module_of(model) else replace(model, model=module)


def _linears(module: nn.Module) -> list[nn.Linear]:
    """Return the matrices of the blocks; embedding and head stay as they are."""
    return [one for one in module.trunk.modules() if isinstance(one, nn.Linear)]
