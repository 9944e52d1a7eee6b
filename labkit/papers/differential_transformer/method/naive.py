"""The forms of differential attention, written out: they compute the same, and one released form does not. Lesson: 04.

Shapes: q [B, 2h, L, d], k [B, 2g, L, d] with g key heads, v [B, g, L, 2d]; sub-heads 2i and 2i + 1 belong together.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from labkit.base.errors import BadInput

from .attention import softmax_maps

__all__ = ["flash_1", "flash_2", "naive", "naive_as_released"]


def naive(q: Tensor, k: Tensor, v: Tensor, lam: float, seen: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return A1, A2, A1 − λ A2 (each [B, h, L, L]) and the heads [B, h, L, 2d], before the norm; every map is made."""
    group = _group(q, k)
    keys = k.unflatten(1, (-1, 2)).repeat_interleave(group, dim=1).flatten(1, 2)
    maps = softmax_maps(q, keys, seen)
    first, second = maps[:, 0::2], maps[:, 1::2]
    used = first - lam * second
    return first, second, used, used @ v.repeat_interleave(group, dim=1)


def naive_as_released(q: Tensor, k: Tensor, v: Tensor, lam: float, seen: Tensor) -> Tensor:
    """Return the heads as the first released naive file makes them: right without groups, wrong with groups.

    It repeats the 2g key *sub-heads* one by one, so that both maps of a head get the same key.
    """
    group = _group(q, k)
    maps = softmax_maps(q, k.repeat_interleave(group, dim=1), seen)
    return (maps[:, 0::2] - lam * maps[:, 1::2]) @ v.repeat_interleave(group, dim=1)


def flash_1(q: Tensor, k: Tensor, v: Tensor, lam: float, seen: Tensor) -> Tensor:
    """Return the heads from two fused attentions over the wide values: what the authors recommend."""
    group = _group(q, k)
    v = v.repeat_interleave(group, dim=1)
    one, two = (
        F.scaled_dot_product_attention(q[:, c::2], k[:, c::2].repeat_interleave(group, dim=1), v, attn_mask=seen)
        for c in (0, 1)
    )
    return one - lam * two


def flash_2(q: Tensor, k: Tensor, v: Tensor, lam: float, seen: Tensor) -> Tensor:
    """Return the heads from four fused attentions, for kernels whose values must be as wide as the keys."""
    return torch.cat([flash_1(q, k, half, lam, seen) for half in v.chunk(2, dim=-1)], dim=-1)


def _group(q: Tensor, k: Tensor) -> int:
    if q.shape[1] % 2 or k.shape[1] % 2 or q.shape[1] % k.shape[1]:
        raise BadInput(
            f"{q.shape[1]} query and {k.shape[1]} key sub-heads make no groups of pairs.",
            expected="even numbers, queries a multiple of keys",
        )
    return q.shape[1] // k.shape[1]
