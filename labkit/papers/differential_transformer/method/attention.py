"""Differential attention, version 1: A1 − λ A2, then a norm for each head (Ye et al. 2024, section 2.1).

Shapes: B batch, L new tokens, T readable tokens, h heads, d size of a query or key; a head's value has 2d channels.
Sub-heads 2i and 2i + 1 are the two maps of head i, as in the released code. Lesson: 04.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from labkit.models.parts import Attention, RMSNorm, readable
from labkit.models.state import State

__all__ = ["DiffAttention", "HeadNorm", "NormedAttention", "softmax_maps"]


class HeadNorm(RMSNorm):
    """factor · RMSNorm of each head by itself, over its channels; what the paper calls GroupNorm (eq. 3).

    gain: a learned gain for each channel, shared by the heads, as in the released code; without it the gain stays 1.
    """

    def __init__(self, width: int, factor: float = 1.0, eps: float = 1e-5, *, gain: bool = True):
        super().__init__(width, eps)
        self.factor = factor
        self.weight.requires_grad_(gain)

    def forward(self, y_BHLK: Tensor) -> Tensor:
        return self.factor * super().forward(y_BHLK)

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, factor={self.factor:.4g}"


class DiffAttention(Attention):
    """(softmax(q1 k1ᵀ / √d) − λ softmax(q2 k2ᵀ / √d)) v, normed by head (eq. 1 and 3).

    heads: DIFF heads, half as many as a Transformer of this width has. lam: called, gives λ. norm: reads and returns
    what the heads made [B, h, L, 2d]; `nn.Identity()` for none.
    """

    def __init__(
        self,
        width: int,
        heads: int,
        kv_heads: int | None = None,
        *,
        layer: int,
        lam: nn.Module,
        norm: nn.Module,
        rope_theta: float = 10000.0,
    ):
        super().__init__(width, 2 * heads, 2 * (kv_heads or heads), layer=layer, rope_theta=rope_theta)
        self.lam, self.norm = lam, norm

    def keys_values(self, x_BLD: Tensor, state: State) -> tuple[Tensor, Tensor]:
        """Return keys [B, 2 kv, L, d] and values twice as wide [B, kv, L, 2d], before rotation."""
        return self.split(self.k(x_BLD), self.kv_heads), self.split(self.v(x_BLD), self.kv_heads // 2)

    def attend(self, q_BHLK: Tensor, k_BHTK: Tensor, v_BhTK: Tensor, state: State) -> Tensor:
        """Return norm(A1 v − λ A2 v) [B, h, L, 2d]: two plain attentions that read the same values."""
        plain = super().attend
        first, second = (plain(q_BHLK[:, c::2], k_BHTK[:, c::2], v_BhTK, state) for c in (0, 1))
        return self.norm(first - self.lam() * second)

    def maps(self, x_BLD: Tensor, state: State) -> tuple[Tensor, Tensor]:
        """Return A1 and A2 of a whole text, each [B, h, L, L]; their rows add up to 1."""
        maps_BHLL = softmax_maps(*self.queries_keys(x_BLD, state), readable(state, x_BLD.shape[1]))
        return maps_BHLL[:, 0::2], maps_BHLL[:, 1::2]

    def weights(self, x_BLD: Tensor, state: State) -> Tensor:
        """Return A1 − λ A2 [B, h, L, L]; rows add up to 1 − λ, and weights may be negative."""
        first, second = self.maps(x_BLD, state)
        return first - self.lam() * second

    def queries_keys(self, x_BLD: Tensor, state: State) -> tuple[Tensor, Tensor]:
        """Return rotated queries and keys of a whole text [B, 2h, L, d]: a group of heads shares one *pair* of keys."""
        q_BHLK = self.rotated(self.split(self.q(x_BLD), self.heads), state)
        k_BHLK = self.rotated(self.split(self.k(x_BLD), self.kv_heads), state)
        pairs = k_BHLK.unflatten(1, (-1, 2)).repeat_interleave(self.heads // self.kv_heads, dim=1)
        return q_BHLK, pairs.flatten(1, 2)


class NormedAttention(Attention):
    """Softmax attention with DIFF's norm for each head: the control that has the norm and no second map (table 6)."""

    def __init__(self, width: int, heads: int, kv_heads: int | None = None, *, norm: nn.Module, **options):
        super().__init__(width, heads, kv_heads, **options)
        self.norm = norm

    def attend(self, q_BHLK: Tensor, k_BHTK: Tensor, v_BHTK: Tensor, state: State) -> Tensor:
        """Return norm(softmax(q kᵀ / √K) v)."""
        return self.norm(super().attend(q_BHLK, k_BHTK, v_BHTK, state))


def softmax_maps(q_BHLK: Tensor, k_BHTK: Tensor, seen: Tensor) -> Tensor:
    """Return softmax(q kᵀ / √K) [B, H, L, T] over what may be `seen`; everything else is exactly 0."""
    scores_BHLT = q_BHLK @ k_BHTK.mT / q_BHLK.shape[-1] ** 0.5
    return scores_BHLT.masked_fill(~seen, -torch.inf).softmax(-1)
