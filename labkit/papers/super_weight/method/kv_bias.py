"""Explicit attention bias: a key and a value per head that every token may read and no token wrote (Sun et al. 2024).

A head that has nothing to look for must put its weight of 1 somewhere; a baseline learns to put it on the first token
and to make that token harmless, which takes a huge activation. With a slot of its own for it, none is needed. Shapes: B
batch, L new tokens, T readable tokens, H heads, K head size.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from labkit.models.config import DecoderConfig
from labkit.models.parts import Attention, readable
from labkit.models.state import State

__all__ = ["BiasedAttention", "KeyValueBias"]


class BiasedAttention(Attention):
    """Attention over [k'; K] and [v'; V] with learned k', v' [H, K], which are neither rotated nor masked.

    slot: whether the extra slot can be read; False sets its logit to −∞, which leaves plain attention.
    """

    def __init__(self, *args: Any, **options: Any):
        super().__init__(*args, **options)
        self.k_extra = nn.Parameter(torch.empty(self.heads, self.head_size))
        self.v_extra = nn.Parameter(torch.empty(self.heads, self.head_size))
        self.slot = True

    def initialise(self, generator: torch.Generator, std: float) -> None:
        """Draw k' and v' as every other weight."""
        for extra in (self.k_extra, self.v_extra):
            nn.init.normal_(extra, 0.0, std, generator=generator)

    def attend(self, q_BHLK: Tensor, k_BHTK: Tensor, v_BHTK: Tensor, state: State) -> Tensor:
        """Return attention in which every token may also read the extra slot."""
        group = self.heads // self.kv_heads
        k_BHTK, v_BHTK = (
            torch.cat((self._slot(extra, len(x)), x.repeat_interleave(group, dim=1)), dim=2)
            for extra, x in ((self.k_extra, k_BHTK), (self.v_extra, v_BHTK))
        )
        return F.scaled_dot_product_attention(q_BHLK, k_BHTK, v_BHTK, attn_mask=self._mask(q_BHLK.shape[2], state))

    def weights(self, x_BLD: Tensor, state: State) -> Tensor:
        """Return what each token puts on the others [B, H, L, L]: the slot takes the rest of the 1."""
        q_BHLK, k_BHLK = self.queries_keys(x_BLD, state)
        keys = torch.cat((self._slot(self.k_extra, len(x_BLD)), k_BHLK), dim=2)
        scores = q_BHLK @ keys.mT / self.head_size**0.5
        return scores.masked_fill(~self._mask(x_BLD.shape[1], state), -torch.inf).softmax(-1)[..., 1:]

    def _slot(self, extra_HK: Tensor, rows: int) -> Tensor:
        """Return k' or v' as one more token [B, H, 1, K]."""
        return extra_HK[None, :, None].expand(rows, -1, -1, -1)

    def _mask(self, length: int, state: State) -> Tensor:
        """Return who may read whom with the slot in front [B or 1, 1, L, 1 + T]."""
        return F.pad(readable(state, length), (1, 0), value=self.slot)


@dataclass(frozen=True, kw_only=True)
class KeyValueBias(DecoderConfig):
    """The baseline with an explicit attention bias."""

    kind: ClassVar[str] = "kv-bias"

    def attention(self, layer: int) -> nn.Module:
        """Make the token mixer of block `layer`."""
        return BiasedAttention(self.width, self.heads, self.kv_heads, layer=layer, rope_theta=self.rope_theta)
