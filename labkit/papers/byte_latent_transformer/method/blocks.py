"""The local models' parts: attention that looks back a window, and cross-attention between bytes and patches.

Shapes: B batch, L bytes, P patches, D width, Q queries, T keys. The rest of a block is the course's baseline.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from labkit.models.config import DecoderConfig
from labkit.models.parts import Attention, RMSNorm, readable
from labkit.models.state import State

__all__ = ["ByteWindow", "CrossAttention", "WindowAttention", "spread_init"]


class WindowAttention(Attention):
    """Causal attention to the last `window` places only."""

    window: int

    def attend(self, q_BHLK: Tensor, k_BHTK: Tensor, v_BHTK: Tensor, state: State) -> Tensor:
        """Return softmax(q kᵀ / sqrt(K)) v over the window."""
        length, total = q_BHLK.shape[2], k_BHTK.shape[2]
        mask = state.table(("window", self.window, length, total), lambda: self.near(state, length, total))
        return F.scaled_dot_product_attention(q_BHLK, k_BHTK, v_BHTK, attn_mask=mask)

    def near(self, state: State, length: int, total: int) -> Tensor:
        """Return who may read whom [B or 1, 1, L, T]: what the state allows, within the window."""
        query = torch.arange(total - length, total)[:, None]
        return readable(state, length) & (query - torch.arange(total) < self.window)


@dataclass(frozen=True, kw_only=True)
class ByteWindow(DecoderConfig):
    """A byte-level decoder whose attention looks back `window` bytes: entropy model and local models."""

    kind: ClassVar[str] = "byte-window"

    window: int = 64

    def attention(self, layer: int) -> Attention:
        """Make the token mixer of block `layer`."""
        mixer = WindowAttention(self.width, self.heads, self.kv_heads, layer=layer, rope_theta=self.rope_theta)
        mixer.window = self.window
        return mixer


class CrossAttention(nn.Module):
    """softmax(q kᵀ / sqrt(K)) v from one sequence to another, both normed before, without positions (equations 7-9).

    What it returns is not yet added to the queries.
    """

    def __init__(self, width: int, heads: int, eps: float = 1e-5):
        super().__init__()
        self.heads = heads
        self.norm_q, self.norm_kv = RMSNorm(width, eps), RMSNorm(width, eps)
        self.q, self.k, self.v, self.o = (nn.Linear(width, width, bias=False) for _ in range(4))

    def forward(self, x_BQD: Tensor, y_BTD: Tensor, mask_BQT: Tensor) -> Tensor:
        """Return what queries x read of y where the mask is true; a query that may read nothing reads everything."""
        split = lambda z: z.unflatten(-1, (self.heads, -1)).transpose(1, 2)  # noqa: E731
        y_BTD = self.norm_kv(y_BTD)
        q, k, v = split(self.q(self.norm_q(x_BQD))), split(self.k(y_BTD)), split(self.v(y_BTD))
        mask = mask_BQT | ~mask_BQT.any(-1, keepdim=True)  # a patch that only pads the batch
        return self.o(F.scaled_dot_product_attention(q, k, v, attn_mask=mask[:, None]).transpose(1, 2).flatten(2))


@torch.no_grad()
def spread_init(model: nn.Module, seed: int) -> Any:
    """Set every weight from `seed` alone, as the authors do: truncated normal with std 1/sqrt(inputs), gains 1."""
    generator = torch.Generator().manual_seed(seed)
    for module in model.modules():
        if isinstance(module, nn.Linear | nn.Embedding):
            std = module.weight.shape[1] ** -0.5
            nn.init.trunc_normal_(module.weight, 0.0, std, -3 * std, 3 * std, generator=generator)
        elif isinstance(module, RMSNorm):
            nn.init.ones_(module.weight)
    return model
