"""Three other ways out of a softmax that must spend all of its attention: for context, not of this paper.

A head that has nothing to read must put its weight of 1 somewhere. These let it spend less. Lesson: 04.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from labkit.models.parts import Attention, readable
from labkit.models.state import State

__all__ = ["GatedAttention", "OffByOneAttention", "SinkAttention"]


class OffByOneAttention(Attention):
    """exp(s_j) / (1 + Σ exp(s)): a place that can be looked at and holds nothing, at score 0 (Miller 2023)."""

    def sink(self) -> Tensor:
        """Return the score of the empty place, one for each head [H, 1, 1]."""
        return torch.zeros(self.heads, 1, 1)

    def attend(self, q_BHLK: Tensor, k_BHTK: Tensor, v_BHTK: Tensor, state: State) -> Tensor:
        """Return what the heads read; the empty place adds nothing."""
        group = q_BHLK.shape[1] // k_BHTK.shape[1]
        k_BHTK, v_BHTK = k_BHTK.repeat_interleave(group, dim=1), v_BHTK.repeat_interleave(group, dim=1)
        return self.spend(q_BHLK, k_BHTK, readable(state, q_BHLK.shape[2])) @ v_BHTK

    def weights(self, x_BLD: Tensor, state: State) -> Tensor:
        """Return the weights of a whole text [B, H, L, L]; rows add up to less than 1."""
        return self.spend(*self.queries_keys(x_BLD, state), readable(state, x_BLD.shape[1]))

    def spend(self, q_BHLK: Tensor, k_BHTK: Tensor, seen: Tensor) -> Tensor:
        """Return the softmax with the empty place, which is then left out [B, H, L, T]."""
        scores = (q_BHLK @ k_BHTK.mT / self.head_size**0.5).masked_fill(~seen, -torch.inf)
        return torch.cat((scores, self.sink().expand(*scores.shape[:-1], 1)), -1).softmax(-1)[..., :-1]


class SinkAttention(OffByOneAttention):
    """The same with a learned score for each head, which starts at 0."""

    def __init__(self, width: int, heads: int, kv_heads: int | None = None, **options):
        super().__init__(width, heads, kv_heads, **options)
        self.score = _Scores(heads)

    def sink(self) -> Tensor:
        """Return the learned scores [H, 1, 1]."""
        return self.score.value


class _Scores(nn.Module):
    def __init__(self, heads: int):
        super().__init__()
        self.value = nn.Parameter(torch.zeros(heads, 1, 1))

    def initialise(self, generator: torch.Generator, std: float) -> None:
        nn.init.zeros_(self.value)


class GatedAttention(Attention):
    """Softmax attention, what each head read multiplied by sigmoid(gate(x)) (Qiu et al. 2025, their G1)."""

    def __init__(self, width: int, heads: int, kv_heads: int | None = None, **options):
        super().__init__(width, heads, kv_heads, **options)
        self.gate = nn.Linear(width, width, bias=False)

    def forward(self, x_BLD: Tensor, state: State) -> Tensor:
        y_BLD = self.read(x_BLD, state).transpose(1, 2).flatten(2)
        return self.o(y_BLD * self.gate(x_BLD).sigmoid())
