"""Differential attention, version 2 (January 2026): λ for each token, no norm, and the ways it goes wrong.

There are h heads of the baseline's size and 2h queries; keys and values are the baseline's. Heads 2i and 2i + 1 must
read the same keys and values. Lesson: 04.
"""

from __future__ import annotations

from torch import Tensor, nn

from labkit.base.errors import BadInput
from labkit.models.parts import Attention
from labkit.models.state import State

__all__ = ["DiffAttentionV2", "HalfMoreHeads", "NoLambda", "NoSigmoid", "WrongPairs"]


class DiffAttentionV2(Attention):
    """y_2i − sigmoid(λ_i) y_2i+1 for 2h softmax heads, λ read from each token.

    Raises `BadInput` when the two heads of a pair would not share their keys and values.
    """

    def __init__(self, width: int, heads: int, kv_heads: int | None = None, *, layer: int, rope_theta: float = 10000.0):
        super().__init__(width, heads, kv_heads, layer=layer, rope_theta=rope_theta)
        if (2 * heads) % self.kv_heads or (2 * heads // self.kv_heads) % 2:
            raise BadInput(
                f"{2 * heads} query heads in groups of {self.kv_heads} keys put a pair into two groups.",
                expected="an even number of query heads for each key head",
            )
        self.heads = 2 * heads
        self.q = nn.Linear(width, self.heads * self.head_size, bias=False)
        self.lam = nn.Linear(width, heads, bias=False)

    def read(self, x_BLD: Tensor, state: State) -> Tensor:
        """Return A1 v − sigmoid(λ) A2 v [B, h, L, K]."""
        first, second = self.pairs(super().read(x_BLD, state))
        return first - self.share(x_BLD) * second

    def weights(self, x_BLD: Tensor, state: State) -> Tensor:
        """Return A1 − sigmoid(λ) A2 of a whole text [B, h, L, L]; a row adds up to 1 − its own sigmoid(λ)."""
        first, second = self.pairs(super().weights(x_BLD, state))
        return first - self.share(x_BLD) * second

    def pairs(self, y_BHLK: Tensor) -> tuple[Tensor, Tensor]:
        """Return the even and the odd heads."""
        return y_BHLK[:, 0::2], y_BHLK[:, 1::2]

    def share(self, x_BLD: Tensor) -> Tensor:
        """Return what part of the second head is taken off [B, h, L, 1]."""
        return self.lam(x_BLD).sigmoid().mT.unsqueeze(-1)


class HalfMoreHeads(Attention):
    """Softmax attention with half as many heads again: the baseline that has version 2's weights where keys are shared.

    Raises `BadInput` for heads that cannot share the keys.
    """

    def __init__(self, width: int, heads: int, kv_heads: int | None = None, **options):
        super().__init__(width, heads, kv_heads, **options)
        self.heads = 3 * heads // 2
        if heads % 2 or self.heads % self.kv_heads:
            raise BadInput(
                f"{heads} heads and half as many again cannot share {self.kv_heads} keys.",
                expected="an even number of heads, 3/2 of it a multiple of the keys",
            )
        self.q = nn.Linear(width, self.heads * self.head_size, bias=False)
        self.o = nn.Linear(self.heads * self.head_size, width, bias=False)


class WrongPairs(DiffAttentionV2):
    """The first half of the heads minus the second half: with grouped keys, the two of a pair read different ones."""

    def pairs(self, y_BHLK: Tensor) -> tuple[Tensor, Tensor]:
        """Return the first and the second half."""
        return tuple(y_BHLK.chunk(2, dim=1))


class NoSigmoid(DiffAttentionV2):
    """λ as it is read, without bound."""

    def share(self, x_BLD: Tensor) -> Tensor:
        """Return λ itself."""
        return self.lam(x_BLD).mT.unsqueeze(-1)


class NoLambda(DiffAttentionV2):
    """A plain difference."""

    def share(self, x_BLD: Tensor) -> Tensor:
        """Return 1 everywhere."""
        return x_BLD.new_ones(len(x_BLD), self.heads // 2, x_BLD.shape[1], 1)
