"""The same layer in `transformers`: weights of `DiffLlama` from ours and back (in another order). Lesson: 04.

Ours, like the released code, keeps the two sub-heads of a head side by side (2i, 2i + 1) and a value of 2d channels.
DiffLlama keeps all first sub-heads, then all second ones, and splits a value over its value heads i and i + kv.
"""

from __future__ import annotations

import torch
from torch import Tensor

from labkit.base.errors import BadInput

from .attention import DiffAttention, HeadNorm
from .lambdas import Exponential

__all__ = ["diffllama_weights", "from_diffllama"]


def diffllama_weights(ours: DiffAttention) -> dict[str, Tensor]:
    """Return the state of a `DiffLlamaAttention` that computes what `ours` does.

    Raises `BadInput` where DiffLlama has no such thing: a gain in the head norm, another λ than the four vectors.
    """
    if not isinstance(ours.lam, Exponential) or not isinstance(ours.norm, HeadNorm):
        raise BadInput("DiffLlama has λ in four vectors and a head norm.", do='use lam="exponential", head_norm=True')
    if not torch.equal(ours.norm.weight, torch.ones_like(ours.norm.weight)):
        raise BadInput("DiffLlama's head norm has no gain.", expected="gains of 1", do="fold the gain into o first")
    pairs, kv = ours.heads // 2, ours.kv_heads // 2
    moved = {
        "q_proj.weight": _interleaved_to_halves(ours.q.weight, pairs),
        "k_proj.weight": _interleaved_to_halves(ours.k.weight, kv),
        "v_proj.weight": _interleaved_to_halves(ours.v.weight, kv),
        "o_proj.weight": ours.o.weight,
    }
    vectors = {f"lambda_{name}": getattr(ours.lam, name) for name in ("q1", "k1", "q2", "k2")}
    return {name: tensor.detach().clone() for name, tensor in (moved | vectors).items()}


@torch.no_grad()
def from_diffllama(state: dict[str, Tensor], ours: DiffAttention) -> DiffAttention:
    """Fill `ours` with the state of a `DiffLlamaAttention` of the same sizes, and return it."""
    pairs, kv = ours.heads // 2, ours.kv_heads // 2
    for name, groups in (("q", pairs), ("k", kv), ("v", kv)):
        getattr(ours, name).weight.copy_(_halves_to_interleaved(state[f"{name}_proj.weight"], groups))
    ours.o.weight.copy_(state["o_proj.weight"])
    for name in ("q1", "k1", "q2", "k2"):
        getattr(ours.lam, name).copy_(state[f"lambda_{name}"])
    ours.norm.weight.fill_(1.0)
    return ours


def _interleaved_to_halves(weight: Tensor, groups: int) -> Tensor:
    """Return rows (group, half, d) in the order (half, group, d)."""
    return weight.unflatten(0, (groups, 2, -1)).transpose(0, 1).flatten(0, 2)


def _halves_to_interleaved(weight: Tensor, groups: int) -> Tensor:
    return weight.unflatten(0, (2, groups, -1)).transpose(0, 1).flatten(0, 2)
