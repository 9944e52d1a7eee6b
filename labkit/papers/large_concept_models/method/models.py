"""Three ways to the next concept: Base predicts it, One-Tower and Two-Tower clean a noisy copy of it.

All read normalised concepts x_BNC (position n is the n-th sentence of a text) and answer in the same numbers; the
normaliser is applied outside, as in the released code. Shapes: B texts, N sentences, C numbers, D width.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from labkit.base.errors import BadInput, unknown
from labkit.models import RMSNorm
from labkit.models.state import State

from .codec import seeded, sizes

__all__ = ["BaseLCM", "ConceptConfig", "OneTower", "TwoTower"]


@dataclass(frozen=True, kw_only=True)
class ConceptConfig:
    """Sizes of a concept model of a kind ("base", "one-tower", "two-tower"): `depth` blocks, of which Two-Tower
    gives `context_depth` to the context.
    """

    kind: str = "base"
    concept: int = 64
    width: int = 96
    depth: int = 3
    context_depth: int = 1
    heads: int = 4
    ffn: int = 256

    def trunk(self, depth: int) -> nn.Module:
        """Make blocks of the course's baseline decoder."""
        return sizes(self.width, depth, self.heads, self.ffn).trunk()

    def build(self, seed: int = 0) -> nn.Module:
        """Return a model whose first weights depend on `seed` alone."""
        makers = {"base": BaseLCM, "one-tower": OneTower, "two-tower": TwoTower}
        if self.kind not in makers:
            raise unknown("kind of concept model", self.kind, makers)
        return seeded(makers[self.kind], self, seed)

    def as_dict(self) -> dict[str, Any]:
        """Return the fields."""
        return asdict(self)


# Base-LCM: a decoder-only transformer whose tokens are sentences ------------------------------------------------------


class BaseLCM(nn.Module):
    """x̂_n = f(x_<n), trained by Σ ‖x̂_n − x_n‖² (section 2.3.1)."""

    def __init__(self, config: ConceptConfig):
        super().__init__()
        self.config = config
        self.pre, self.post = nn.Linear(config.concept, config.width), nn.Linear(config.width, config.concept)
        self.trunk, self.norm = config.trunk(config.depth), RMSNorm(config.width)

    def forward(self, x_BNC: Tensor) -> Tensor:
        """Return at each position the guess for the concept after it [B, N, C]."""
        checked(x_BNC, self.config.concept)
        state = State(self.pre(x_BNC), torch.arange(x_BNC.shape[1])[None])
        return self.post(self.norm(self.trunk(state).stream))

    def loss(self, x_BNC: Tensor) -> Tensor:
        """Return the mean squared error over all but the first concept."""
        return F.mse_loss(self(x_BNC[:, :-1]), x_BNC[:, 1:])


# Two-Tower: one tower reads the context, the other cleans -------------------------------------------------------------


class TwoTower(nn.Module):
    """A causal contextualizer, and a denoiser whose position n sees the context's outputs before n and no neighbour."""

    def __init__(self, config: ConceptConfig):
        super().__init__()
        self.config, width = config, config.width
        self.pre, self.post = nn.Linear(config.concept, width), nn.Linear(width, config.concept)
        self.noisy_pre = nn.Linear(config.concept, width)
        self.context, self.context_norm = config.trunk(config.context_depth), RMSNorm(width)
        self.time = TimeEmbedding(width)
        self.denoiser = nn.ModuleList(DenoiserBlock(config) for _ in range(config.depth - config.context_depth))
        self.norm = RMSNorm(width)

    def read(self, x_BNC: Tensor) -> Tensor:
        """Return what the denoiser may look at [B, N + 1, D]: a zero vector, then the contextualizer's outputs."""
        checked(x_BNC, self.config.concept, empty=True)
        zero_B1D = x_BNC.new_zeros(len(x_BNC), 1, self.config.width)
        if x_BNC.shape[1] == 0:
            return zero_B1D
        state = State(self.pre(x_BNC), torch.arange(x_BNC.shape[1])[None])
        return torch.cat([zero_B1D, self.context_norm(self.context(state).stream)], dim=1)

    def forward(self, xt_BNC: Tensor, t_BN: Tensor, read_BMD: Tensor, mask_BNM: Tensor) -> Tensor:
        """Return the clean concepts [B, N, C] guessed from noisy ones at steps t; `mask` says who may look at what."""
        h_BND, time_BND = self.noisy_pre(xt_BNC), self.time(t_BN)
        for block in self.denoiser:
            h_BND = block(h_BND, time_BND, read_BMD, mask_BNM)
        return self.post(self.norm(h_BND))

    def all_at_once(
        self, x_BNC: Tensor, xt_BNC: Tensor, t_BN: Tensor, drop_BN: Tensor | None = None, start: int = 0
    ) -> Tensor:
        """Return the guesses at positions `start` … of whole texts: position n looks at the zero vector and at x_<n.

        Where `drop` is set the position looks at the zero vector alone: that trains the answer without a context.
        """
        n = x_BNC.shape[1]
        mask_BNN = torch.ones(n, n, dtype=torch.bool).tril().expand(len(x_BNC), n, n)
        if drop_BN is not None:
            only_zero_N = torch.arange(n) == 0
            mask_BNN = torch.where(drop_BN[..., None], only_zero_N, mask_BNN)
        return self(xt_BNC[:, start:], t_BN[:, start:], self.read(x_BNC[:, :-1]), mask_BNN[:, start:])

    def next(self, x_BNC: Tensor, xt_BC: Tensor, t_B: Tensor, seen: bool = True) -> Tensor:
        """Return the guess for the one concept after x_BNC [B, C], with or without a look at it: a step of sampling."""
        read_BMD = self.read(x_BNC)
        mask_B1M = torch.full((len(xt_BC), 1, read_BMD.shape[1]), seen)
        mask_B1M[..., 0] = True
        return self(xt_BC[:, None], t_B[:, None], read_BMD, mask_B1M)[:, 0]


class TimeEmbedding(nn.Module):
    """t -> a sinusoid of 64 numbers -> two layers with SiLU (the paper: 256 numbers)."""

    def __init__(self, width: int, waves: int = 32):
        super().__init__()
        self.waves, self.layers = waves, nn.Sequential(nn.Linear(2 * waves, width), nn.SiLU(), nn.Linear(width, width))

    def forward(self, t_BN: Tensor) -> Tensor:
        rates = torch.exp(-math.log(1000) * torch.arange(self.waves) / self.waves)
        angles = t_BN[..., None].float() * rates
        return self.layers(torch.cat([angles.sin(), angles.cos()], dim=-1))


class DenoiserBlock(nn.Module):
    """Own position, context, feed-forward: y = h + α · f((1 + γ) norm(h) + β) three times, [β, γ, α] made from t.

    [β, γ, α] starts at 0, so that at first a block does nothing (AdaLN-zero, Peebles and Xie 2023).
    """

    def __init__(self, config: ConceptConfig):
        super().__init__()
        width, self.heads = config.width, config.heads
        self.own = nn.Linear(width, width)  # self-attention that sees its own position only is a linear map
        self.q, self.k, self.v, self.o = (nn.Linear(width, width) for _ in range(4))
        self.up, self.down = nn.Linear(width, config.ffn), nn.Linear(config.ffn, width)
        self.modulate = nn.Linear(width, 9 * width)
        nn.init.zeros_(self.modulate.weight)
        nn.init.zeros_(self.modulate.bias)

    def forward(self, h_BND: Tensor, time_BND: Tensor, read_BMD: Tensor, mask_BNM: Tensor) -> Tensor:
        shifts = self.modulate(F.silu(time_BND)).chunk(9, dim=-1)
        parts = (self.own, lambda x: self.look(x, read_BMD, mask_BNM), lambda x: self.down(F.silu(self.up(x))))
        for number, part in enumerate(parts):
            beta, gamma, alpha = shifts[3 * number : 3 * number + 3]
            h_BND = h_BND + alpha * part((1 + gamma) * F.layer_norm(h_BND, h_BND.shape[-1:]) + beta)
        return h_BND

    def look(self, x_BND: Tensor, read_BMD: Tensor, mask_BNM: Tensor) -> Tensor:
        """Cross-attention from noisy concepts to what the contextualizer made of the context."""
        q, k, v = (
            layer(x).unflatten(-1, (self.heads, -1)).transpose(1, 2)
            for layer, x in ((self.q, x_BND), (self.k, read_BMD), (self.v, read_BMD))
        )
        y_BHNK = F.scaled_dot_product_attention(q, k, v, attn_mask=mask_BNM[:, None])
        return self.o(y_BHNK.transpose(1, 2).flatten(2))


# One-Tower: clean and noisy copies in one sequence --------------------------------------------------------------------


class OneTower(nn.Module):
    """One transformer over x_0, x_0^t, x_1, x_1^t, …: noisy slot n reads clean x_<n and itself; nobody reads it.

    Every slot carries its step, a clean one the step 0; positions are learned (section 2.3.3).
    """

    longest = 32

    def __init__(self, config: ConceptConfig):
        super().__init__()
        self.config, width = config, config.width
        self.pre, self.post = nn.Linear(config.concept + width, width), nn.Linear(width, config.concept)
        self.time, self.place = TimeEmbedding(width), nn.Embedding(self.longest, width)
        self.trunk, self.norm = config.trunk(config.depth), RMSNorm(width)

    def all_at_once(
        self, x_BNC: Tensor, xt_BNC: Tensor, t_BN: Tensor, drop_BN: Tensor | None = None, start: int = 0
    ) -> Tensor:
        """Return the guesses at positions `start` … of whole texts."""
        checked(x_BNC, self.config.concept)
        slots_BMC = torch.stack([x_BNC, xt_BNC], dim=2).flatten(1, 2)
        t_BM = torch.stack([torch.zeros_like(t_BN), t_BN + 1], dim=2).flatten(1)
        return self.run(slots_BMC, t_BM, interleaved_mask(x_BNC.shape[1], drop_BN))[:, 1 + 2 * start :: 2]

    def next(self, x_BNC: Tensor, xt_BC: Tensor, t_B: Tensor, seen: bool = True) -> Tensor:
        """Return the guess for the one concept after x_BNC [B, C], with or without a look at it."""
        n = x_BNC.shape[1]
        slots_BMC = torch.cat([x_BNC, xt_BC[:, None]], dim=1)
        t_BM = torch.cat([t_B.new_zeros(len(t_B), n), t_B[:, None] + 1], dim=1)
        mask_MM = torch.ones(n + 1, n + 1, dtype=torch.bool).tril()
        mask_MM[n, :n] = seen
        return self.run(slots_BMC, t_BM, mask_MM[None, None], torch.arange(n + 1))[:, -1]

    def run(self, slots_BMC: Tensor, t_BM: Tensor, mask: Tensor, place_M: Tensor | None = None) -> Tensor:
        """Return the answers of all slots [B, M, C]."""
        place_M = torch.arange(slots_BMC.shape[1]) // 2 if place_M is None else place_M
        h_BMD = self.pre(torch.cat([slots_BMC, self.time(t_BM)], dim=-1)) + self.place(place_M)
        state = State(h_BMD, torch.zeros(1, slots_BMC.shape[1], dtype=torch.long), mask=mask)
        return self.post(self.norm(self.trunk(state).stream))


def interleaved_mask(n: int, drop_BN: Tensor | None = None) -> Tensor:
    """Return who may read whom among x_0, x_0^t, x_1, x_1^t, … [B or 1, 1, 2n, 2n]; a dropped one reads itself only."""
    sentence_M, noisy_M = torch.arange(2 * n) // 2, torch.arange(2 * n) % 2 == 1
    earlier_MM = sentence_M[None] < sentence_M[:, None]
    mask_BMM = ((earlier_MM & ~noisy_M[None]) | torch.eye(2 * n, dtype=torch.bool))[None]
    if drop_BN is not None:
        dropped_BM = torch.stack([torch.zeros_like(drop_BN), drop_BN], dim=2).flatten(1)
        mask_BMM = torch.where(dropped_BM[..., None], torch.eye(2 * n, dtype=torch.bool), mask_BMM)
    return mask_BMM[:, None]


def checked(x_BNC: Tensor, concept: int, empty: bool = False) -> None:
    """Raise `BadInput` for what is no batch of texts in this space."""
    if x_BNC.dim() != 3 or x_BNC.shape[2] != concept or (x_BNC.shape[1] == 0 and not empty):
        raise BadInput(
            f"These concepts have the shape {list(x_BNC.shape)}.",
            expected=f"[texts, sentences, {concept}] with at least one sentence",
            do="encode the context with the codec this model was trained on",
        )
