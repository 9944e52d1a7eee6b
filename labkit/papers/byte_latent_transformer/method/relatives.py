"""What BLT grew out of: SpaceByte (Slagle 2024) and MegaByte (Yu et al. 2023), small, with this lesson's parts.

Both have blocks as BLT has them (RMSNorm, RoPE, SwiGLU; theirs have LayerNorm and learned positions) and the same hash
n-grams at their entrance, which neither paper knows: so they differ from BLT in how bytes and patches meet, and in
nothing else. Shapes: B batch, L bytes, M = L + 1 starts, P patches, D local width, G latent width, S slots, V ids.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from labkit.base.errors import BadInput
from labkit.models.config import DecoderConfig
from labkit.models.parts import RMSNorm

from ..task import BOS, EOS, PAD
from .blocks import spread_init
from .hashing import HashedEmbedding
from .model import BLTConfig, check, decoder_mask, encoder_mask, patch_of, run, stack

__all__ = ["MegaByte", "MegaByteConfig", "SpaceByte", "SpaceByteConfig"]


# SpaceByte.


@dataclass(frozen=True, kw_only=True)
class SpaceByteConfig(BLTConfig):
    """Sizes of a SpaceByte: BLT's, where what cross-attention would cost is spent on a third latent block."""

    latent: int = 3
    cross: bool = False

    def build(self, seed: int = 0) -> SpaceByte:
        """Return a model with fresh weights that depend on `seed` alone."""
        return spread_init(SpaceByte(self), seed)


class SpaceByte(nn.Module):
    """A byte transformer with wider blocks in its middle that run only at the last byte of each patch.

    There is no pooling and no cross-attention: that byte's state goes in, filled up with zeros, and its part of what
    comes out is added. Other bytes hear of it through the window of the blocks that follow. No byte has an old patch:
    the blocks run on the very byte before the next word, the hardest to foresee.
    """

    def __init__(self, config: SpaceByteConfig):
        super().__init__()
        c = self.config = config
        self.embed = HashedEmbedding(c.vocab, c.width, c.hash_sizes, c.hash_rows)
        self.encoder = c.local(c.encoder).trunk()
        self.latent = c.middle().trunk()
        self.decoder = c.local(c.decoder).trunk()
        self.norm = RMSNorm(c.width, c.eps)
        self.head = nn.Linear(c.width, c.vocab, bias=False)

    def forward(self, ids_BL: Tensor, starts_BM: Tensor) -> Tensor:
        """Return the logits of the next byte [B, L, V]; starts [B, L + 1] also says whether the byte to come starts."""
        check(ids_BL, starts_BM)
        document_BL = (ids_BL == BOS).long().cumsum(-1)
        x_BLD = run(self.encoder, self.embed(ids_BL), document_BL)
        last_BL = starts_BM[:, 1:]  # the next byte starts a patch
        place_BP = torch.argsort(~last_BL, dim=-1, stable=True)[:, : int(last_BL.sum(-1).max())]
        place_BPD = place_BP[..., None].expand(-1, -1, x_BLD.shape[2])
        y_BPG = F.pad(x_BLD.gather(1, place_BPD), (self.config.latent_width - x_BLD.shape[2], 0))
        y_BPG = run(self.latent, y_BPG, document_BL.gather(1, place_BP))
        there_BP1 = last_BL.gather(1, place_BP)[..., None]  # rows with fewer patches are filled with other bytes
        x_BLD = x_BLD.scatter_add(1, place_BPD, y_BPG[..., -x_BLD.shape[2] :] * there_BP1)
        return self.head(self.norm(run(self.decoder, x_BLD, document_BL)))


# MegaByte.


@dataclass(frozen=True, kw_only=True)
class MegaByteConfig:
    """Sizes of a MegaByte.

    width, depth: of the local model. latent_width, latent: of the global one. slots: S, bytes of the longest patch.
    """

    width: int = 48
    depth: int = 3
    latent_width: int = 120
    latent: int = 2
    heads: int = 4
    slots: int = 5
    hash_sizes: tuple[int, ...] = (3, 4, 5, 6, 7, 8)
    hash_rows: int = 1021
    ffn: int = 128
    latent_ffn: int = 320
    rope_theta: float = 10000.0
    eps: float = 1e-5
    vocab: int = BLTConfig.vocab

    def __post_init__(self) -> None:
        if self.latent_width % self.slots:
            raise BadInput(
                f"A latent width of {self.latent_width} for {self.slots} bytes.", expected="a multiple of the slots"
            )

    def build(self, seed: int = 0) -> MegaByte:
        """Return a model with fresh weights that depend on `seed` alone."""
        return spread_init(MegaByte(self), seed)


class MegaByte(nn.Module):
    """A patch is its bytes' embeddings side by side; a local model reads the bytes of one patch and no others.

    What the global model makes of the patch before is cut into as many pieces as a patch has bytes, and each byte gets
    its own. In MegaByte all patches are equally long; here one of four bytes leaves the fifth slot empty, so that 4.5
    bytes are possible. Its global model has byte embeddings of its own; here they are a linear map of the local ones,
    so that the weights in tables are BLT's. Through the hashes a byte knows of the seven before it, in MegaByte only of
    those in its patch. Bytes and slices are normed before they are added: the mean of six tables and a byte is twenty
    times as small as a slice, and without the norms no rate taught this model more than how frequent each byte is.
    """

    def __init__(self, config: MegaByteConfig):
        super().__init__()
        c = self.config = config
        slice_ = c.latent_width // c.slots
        self.embed = HashedEmbedding(c.vocab, c.width, c.hash_sizes, c.hash_rows)
        self.norm_bytes, self.norm_patches = RMSNorm(c.width, c.eps), RMSNorm(c.latent_width, c.eps)
        self.to_slot = nn.Linear(c.width, slice_, bias=False)
        self.latent = self.trunk(c.latent_width, c.latent, c.latent_ffn)
        self.to_bytes = nn.Linear(slice_, c.width, bias=False)
        self.first = nn.Embedding(1, c.width)  # stands in for the byte before the first of a patch
        self.decoder = self.trunk(c.width, c.depth, c.ffn)
        self.norm = RMSNorm(c.width, c.eps)
        self.head = nn.Linear(c.width, c.vocab, bias=False)

    def trunk(self, width: int, depth: int, ffn: int) -> nn.Module:
        """Return a stack of blocks."""
        c = self.config
        return DecoderConfig(**stack(width, depth, c.heads, ffn, c.rope_theta, c.eps)).trunk()

    def forward(self, ids_BL: Tensor, starts_BM: Tensor) -> Tensor:
        """Return the logits of the next byte [B, L, V]; starts [B, L + 1] also says whether the byte to come starts."""
        check(ids_BL, starts_BM)
        document_BL = (ids_BL == BOS).long().cumsum(-1)
        x_BLD, slot_BM = self.norm_bytes(self.embed(ids_BL)), self.slots(ids_BL, starts_BM)
        p_BPG = self.patches(x_BLD, slot_BM, starts_BM)
        o_BPG = self.norm_patches(run(self.latent, p_BPG, self.documents(document_BL, starts_BM)))
        use_BLP = decoder_mask(starts_BM).to(x_BLD.dtype)
        slices_BLSg = (use_BLP @ o_BPG).unflatten(-1, (self.config.slots, -1))
        mine_BLg = slices_BLSg.gather(2, slot_BM[:, 1:, None, None].expand(-1, -1, 1, slices_BLSg.shape[3]))[:, :, 0]
        x_BLD = torch.where(starts_BM[:, 1:, None], self.first.weight, x_BLD) + self.to_bytes(mine_BLg)
        return self.head(self.norm(run(self.decoder, x_BLD, patch_of(starts_BM)[:, 1:])))

    def slots(self, ids_BL: Tensor, starts_BM: Tensor) -> Tensor:
        """Return which byte of its patch each place is [B, M], counted from 0; what pads a row counts as the last."""
        places_BM = torch.arange(starts_BM.shape[1]).expand_as(starts_BM)
        slot_BM = places_BM - torch.where(starts_BM, places_BM, 0).cummax(-1).values
        longest = 1 + int(torch.where((ids_BL == PAD) | (ids_BL == EOS), 0, slot_BM[:, 1:]).max())
        if longest > self.config.slots:
            raise BadInput(
                f"A patch has {longest} bytes.", expected=f"at most {self.config.slots}: as many stand side by side"
            )
        return slot_BM.clamp(max=self.config.slots - 1)

    def patches(self, x_BLD: Tensor, slot_BM: Tensor, starts_BM: Tensor) -> Tensor:
        """Return the embeddings of the bytes of each patch side by side [B, P, G], zeros where it has none."""
        patch_BM, slots = patch_of(starts_BM), self.config.slots
        place_BLg = (patch_BM * slots + slot_BM)[:, :-1, None].expand(-1, -1, self.to_slot.out_features)
        P = int(patch_BM.max()) + 1
        empty = x_BLD.new_zeros(x_BLD.shape[0], P * slots, self.to_slot.out_features)
        return empty.scatter(1, place_BLg, self.to_slot(x_BLD)).unflatten(1, (P, slots)).flatten(2)

    @staticmethod
    def documents(document_BL: Tensor, starts_BM: Tensor) -> Tensor:
        """Return the document that each patch lies in [B, P]."""
        return torch.where(encoder_mask(starts_BM), document_BL[:, None], 0).amax(-1)
