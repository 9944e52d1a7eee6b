"""The baseline's parts: RMSNorm, rotary positions, grouped-query attention, SwiGLU.

Shapes: B batch, L new tokens, T readable tokens, D model width, H heads, K head size, F feed-forward.
No part keeps a buffer: what can be computed from the arguments is, so that a model made on the meta device
and filled later has lost nothing.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .state import State

__all__ = ["Attention", "RMSNorm", "SwiGLU", "rotary_tables", "rotate"]


class RMSNorm(nn.Module):
    """x / sqrt(mean(x²) + eps) · gain (Zhang and Sennrich 2019, eq. 4)."""

    def __init__(self, width: int, eps: float = 1e-6):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))
        self.eps = eps

    def initialise(self, generator: torch.Generator, std: float) -> None:
        """Set every gain to 1."""
        nn.init.ones_(self.weight)

    def forward(self, x_BLD: Tensor) -> Tensor:
        return F.rms_norm(x_BLD, self.weight.shape, self.weight, self.eps)

    def extra_repr(self) -> str:
        return f"{self.weight.shape[0]}, eps={self.eps}"


def rotary_tables(positions_BL: Tensor, size: int, theta: float, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """Return cosines and sines [B or 1, 1, L, K/2] of position times frequency (Su et al. 2021, eq. 15)."""
    steps = torch.arange(0, size, 2, device=positions_BL.device, dtype=torch.float32)
    angles = positions_BL.float()[:, None, :, None] * (1.0 / theta ** (steps / size))
    return angles.cos().to(dtype), angles.sin().to(dtype)


def rotate(x_BHLK: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Turn each pair (x_i, x_{i+K/2}) by its angle; the pairing of Llama and GPT-NeoX."""
    first, second = x_BHLK.chunk(2, dim=-1)
    return torch.cat((first * cos - second * sin, second * cos + first * sin), dim=-1)


def readable(state: State, length: int) -> Tensor:
    """Return who may read whom as a mask [B or 1, 1, L, T], also where plain causal reading needs none."""
    if state.mask is not None:
        return state.mask
    past = 0 if state.cache is None else state.cache.length
    seen = torch.ones(length, past + length, dtype=torch.bool, device=state.stream.device)
    return seen.tril(past)[None, None]


class Attention(nn.Module):
    """Causal attention with rotary positions and grouped keys and values.

    A variant overrides one step: `keys_values` (where keys and values come from), `attend` (what is done with them)
    or `read` (what the heads make of it), or passes another `linear(in, out, bias=False)` for the four projections.
    """

    def __init__(
        self,
        width: int,
        heads: int,
        kv_heads: int | None = None,
        *,
        layer: int,
        rope_theta: float = 10000.0,
        linear: Callable[..., nn.Module] = nn.Linear,
    ):
        super().__init__()
        self.heads, self.kv_heads, self.head_size = heads, kv_heads or heads, width // heads
        self.layer, self.rope_theta = layer, rope_theta
        self.q = linear(width, self.heads * self.head_size, bias=False)
        self.k = linear(width, self.kv_heads * self.head_size, bias=False)
        self.v = linear(width, self.kv_heads * self.head_size, bias=False)
        self.o = linear(self.heads * self.head_size, width, bias=False)

    def forward(self, x_BLD: Tensor, state: State) -> Tensor:
        return self.o(self.read(x_BLD, state).transpose(1, 2).flatten(2))

    def read(self, x_BLD: Tensor, state: State) -> Tensor:
        """Return what every head made of the text so far [B, H, L, K]."""
        q_BHLK = self.split(self.q(x_BLD), self.heads)
        k_BHTK, v_BHTK = self.keys_values(x_BLD, state)
        q_BHLK, k_BHTK = self.rotated(q_BHLK, state), self.rotated(k_BHTK, state)
        if state.cache is not None:
            k_BHTK, v_BHTK = state.cache.extend(self.layer, k_BHTK, v_BHTK)
        return self.attend(q_BHLK, k_BHTK, v_BHTK, state)

    def keys_values(self, x_BLD: Tensor, state: State) -> tuple[Tensor, Tensor]:
        """Return this layer's keys and values of the new tokens, before rotation [B, kv heads, L, K]."""
        return self.split(self.k(x_BLD), self.kv_heads), self.split(self.v(x_BLD), self.kv_heads)

    def attend(self, q_BHLK: Tensor, k_BHTK: Tensor, v_BHTK: Tensor, state: State) -> Tensor:
        """Return softmax(q kᵀ / sqrt(K)) v, each group of query heads sharing one key and value head."""
        group = q_BHLK.shape[1] // k_BHTK.shape[1]
        if group > 1:
            k_BHTK, v_BHTK = k_BHTK.repeat_interleave(group, dim=1), v_BHTK.repeat_interleave(group, dim=1)
        return F.scaled_dot_product_attention(q_BHLK, k_BHTK, v_BHTK, attn_mask=state.mask, is_causal=state.causal)

    def weights(self, x_BLD: Tensor, state: State) -> Tensor:
        """Return softmax(q kᵀ / sqrt(K)) of a whole text [B, H, L, L], which `attend` never holds in memory.

        A variant with another `attend` has another of these.
        """
        q_BHLK, k_BHLK = self.queries_keys(x_BLD, state)
        scores_BHLL = q_BHLK @ k_BHLK.mT / self.head_size**0.5
        return scores_BHLL.masked_fill(~readable(state, x_BLD.shape[1]), -torch.inf).softmax(-1)

    def queries_keys(self, x_BLD: Tensor, state: State) -> tuple[Tensor, Tensor]:
        """Return rotated queries and keys of a whole text, one of each for every head [B, H, L, K]."""
        q_BHLK = self.rotated(self.split(self.q(x_BLD), self.heads), state)
        k_BHLK = self.rotated(self.keys_values(x_BLD, state)[0], state)
        return q_BHLK, k_BHLK.repeat_interleave(self.heads // self.kv_heads, dim=1)

    def split(self, x: Tensor, heads: int) -> Tensor:
        """Return [B, L, heads · size] as [B, heads, L, size]."""
        return x.unflatten(-1, (heads, -1)).transpose(1, 2)

    def rotated(self, x_BHLK: Tensor, state: State) -> Tensor:
        """Return queries or keys turned by their positions."""
        size, dtype = x_BHLK.shape[-1], x_BHLK.dtype
        make = lambda: rotary_tables(state.positions, size, self.rope_theta, dtype)  # noqa: E731
        return rotate(x_BHLK, *state.table(("rotary", size, self.rope_theta, dtype), make))

    def extra_repr(self) -> str:
        return f"layer={self.layer}, heads={self.heads}, kv_heads={self.kv_heads}, head_size={self.head_size}"


class SwiGLU(nn.Module):
    """down(silu(gate(x)) · up(x)) (Shazeer 2020, eq. 6, without biases)."""

    def __init__(self, width: int, ffn: int):
        super().__init__()
        self.gate = nn.Linear(width, ffn, bias=False)
        self.up = nn.Linear(width, ffn, bias=False)
        self.down = nn.Linear(ffn, width, bias=False)

    def forward(self, x_BLD: Tensor, state: State | None = None) -> Tensor:
        return self.down(F.silu(self.gate(x_BLD)) * self.up(x_BLD))
