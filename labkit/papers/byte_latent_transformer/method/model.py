"""The Byte Latent Transformer, and the two models it is compared with (section 3, figure 2).

Shapes: B batch, L bytes, M = L + 1 starts, P patches, k vectors a patch, D local width, G latent width, V ids.
Byte t predicts byte t + 1. starts[:, i] says whether place i starts a patch; the begin is a patch of its own.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from labkit.base.errors import BadInput, unknown
from labkit.models.config import DecoderConfig
from labkit.models.parts import RMSNorm
from labkit.models.state import State
from labkit.models.trunk import Trunk

from ..task import BOS, VOCAB
from .blocks import ByteWindow, CrossAttention, spread_init
from .hashing import HashedEmbedding

__all__ = ["BLT", "BLTConfig", "Flat", "FlatConfig", "bits_per_byte", "decoder_mask", "encoder_mask", "patch_of"]

POOLINGS = {"max": "amax", "mean": "mean", "min": "amin"}
LONGEST = 4096  # bytes in one pass: the masks grow with the square


@dataclass(frozen=True, kw_only=True)
class BLTConfig:
    """Sizes of a BLT and what its ablations change.

    width, encoder, decoder: channels and blocks of the local models. latent_width, latent: of the latent transformer.
    vectors: k, how many vectors of local width a patch has. window: bytes a local block looks back.
    hash_sizes, hash_rows, hash_functions: n-gram tables, so many functions for each size.
    cross: cross-attention, or pooling and adding in its place.
    residual: 1 as in the paper, x + attention; 2 as in the authors' code, 2x + attention.
    pooling: what the queries of a patch are made of, the "max", the "mean" or the "min" of its bytes.
    hash_mean, hash_released: see `HashedEmbedding`.
    """

    width: int = 48
    encoder: int = 1
    decoder: int = 2
    latent_width: int = 96
    latent: int = 2
    heads: int = 4
    vectors: int = 2
    window: int = 64
    hash_sizes: tuple[int, ...] = (3, 4, 5, 6, 7, 8)
    hash_rows: int = 1021
    hash_functions: int = 1
    hash_mean: bool = True
    hash_released: bool = False
    cross: bool = True
    pooling: str = "max"
    residual: float = 1.0
    ffn: int | None = None
    latent_ffn: int | None = None
    rope_theta: float = 10000.0
    eps: float = 1e-5
    vocab: int = VOCAB

    def __post_init__(self) -> None:
        object.__setattr__(self, "hash_sizes", tuple(self.hash_sizes))
        object.__setattr__(self, "ffn", self.ffn or feed_forward(self.width))
        object.__setattr__(self, "latent_ffn", self.latent_ffn or feed_forward(self.latent_width))
        if self.pooling not in POOLINGS:
            raise unknown("pooling", self.pooling, tuple(POOLINGS))
        if min(self.encoder, self.decoder, self.latent, self.vectors, self.window) < 1:
            raise BadInput(f"{self} makes no model.", expected="at least one block each, one vector, one byte to see")

    def local(self, depth: int) -> DecoderConfig:
        """Return the stack of a local model."""
        shape = stack(self.width, depth, self.heads, self.ffn, self.rope_theta, self.eps)
        return ByteWindow(**shape, window=self.window)

    def middle(self) -> DecoderConfig:
        """Return the stack of the latent transformer."""
        shape = stack(self.latent_width, self.latent, self.heads, self.latent_ffn, self.rope_theta, self.eps)
        return DecoderConfig(**shape)

    def build(self, seed: int = 0) -> BLT:
        """Return a model with fresh weights that depend on `seed` alone."""
        return spread_init(BLT(self), seed)

    def as_dict(self) -> dict[str, Any]:
        """Return the fields, as saved in config.json."""
        return asdict(self)


def feed_forward(width: int) -> int:
    """Return the neurons of a SwiGLU that costs what a plain MLP of 4 x width does: 8/3 of the width, rounded to 8."""
    return 8 * round(width / 3)


def stack(width: int, depth: int, heads: int, ffn: int, rope_theta: float, eps: float) -> dict[str, Any]:
    """Return the sizes of a stack of blocks without token ends of its own."""
    shape = {"width": width, "depth": depth, "heads": heads, "ffn": ffn, "rope_theta": rope_theta, "eps": eps}
    return {"vocab": VOCAB, "context": 1 << 20, **shape}


# Who reads which patch.


def patch_of(starts_BM: Tensor) -> Tensor:
    """Return the patch each place lies in [B, M], counted from 0."""
    return starts_BM.long().cumsum(-1) - 1


def encoder_mask(starts_BM: Tensor) -> Tensor:
    """Return which bytes a patch is made of [B, P, L]: its own."""
    patch_BM = patch_of(starts_BM)
    return patch_BM[:, None, :-1] == torch.arange(int(patch_BM.max()) + 1)[None, :, None]


def decoder_mask(starts_BM: Tensor) -> Tensor:
    """Return which patch a byte uses [B, L, P]: the last one that is complete before the byte it predicts."""
    patch_BM = patch_of(starts_BM)
    complete_BL = patch_BM[:, 1:] - 1  # the patch before the one that byte t + 1 lies in
    return complete_BL[..., None] == torch.arange(int(patch_BM.max()) + 1)


class BLT(nn.Module):
    """Bytes to patches, patches through the latent transformer, patches to bytes."""

    def __init__(self, config: BLTConfig):
        super().__init__()
        c = self.config = config
        G, D, k = c.latent_width, c.width, c.vectors
        how = {"functions": c.hash_functions, "mean": c.hash_mean, "released": c.hash_released}
        self.embed = HashedEmbedding(c.vocab, D, c.hash_sizes, c.hash_rows, **how)
        self.encoder = c.local(c.encoder).trunk()
        self.to_vectors = nn.Linear(D, k * D, bias=False)  # E_C
        self.gather = CrossAttention(D, c.heads, c.eps) if c.cross else None
        self.enter = nn.Identity() if k * D == G else nn.Linear(k * D, G, bias=False)
        self.latent = c.middle().trunk()
        self.to_bytes = nn.Linear(G, k * D, bias=False)  # D_C
        self.spread = nn.ModuleList(CrossAttention(D, c.heads, c.eps) for _ in range(c.decoder * c.cross))
        self.decoder = c.local(c.decoder).trunk()
        self.norm = RMSNorm(D, c.eps)
        self.head = nn.Linear(D, c.vocab, bias=False)

    def forward(self, ids_BL: Tensor, starts_BM: Tensor) -> Tensor:
        """Return the logits of the next byte [B, L, V]; starts [B, L + 1] also says whether the byte to come starts."""
        check(ids_BL, starts_BM)
        document_BL = (ids_BL == BOS).long().cumsum(-1)
        h_BLD = run(self.encoder, self.embed(ids_BL), document_BL)
        in_BPL, use_BLP = encoder_mask(starts_BM), decoder_mask(starts_BM)
        p_BPG = self.patches(h_BLD, in_BPL)
        document_BP = torch.where(in_BPL, document_BL[:, None], 0).amax(-1)
        o_BPG = run(self.latent, p_BPG, document_BP)
        return self.head(self.norm(self.decode(h_BLD, o_BPG, use_BLP, document_BL)))

    def patches(self, h_BLD: Tensor, in_BPL: Tensor) -> Tensor:
        """Return one vector a patch [B, P, G]: k queries made of its largest values read its bytes (equations 6-9)."""
        p_BkD = (
            self.to_vectors(pooled(h_BLD, in_BPL, self.config.pooling))
            .unflatten(-1, (self.config.vectors, -1))
            .flatten(1, 2)
        )
        if self.gather is not None:
            mask = in_BPL.repeat_interleave(self.config.vectors, dim=1)
            p_BkD = self.config.residual * p_BkD + self.gather(p_BkD, h_BLD, mask)
        return self.enter(p_BkD.unflatten(1, (-1, self.config.vectors)).flatten(2))

    def decode(self, x_BLD: Tensor, o_BPG: Tensor, use_BLP: Tensor, document_BL: Tensor) -> Tensor:
        """Return the last byte states [B, L, D]: before each block, bytes read the k vectors of their patch (10-12)."""
        k, state = self.config.vectors, reading(x_BLD, document_BL)
        o_BkD = self.to_bytes(o_BPG).unflatten(-1, (k, -1)).flatten(1, 2)
        if not self.spread:
            mean_BPD = o_BkD.unflatten(1, (-1, k)).mean(2)
            return self.decoder(state.with_stream(x_BLD + use_BLP.to(x_BLD.dtype) @ mean_BPD)).stream
        mask = use_BLP.repeat_interleave(k, dim=2)
        for cross, block in zip(self.spread, self.decoder.blocks):
            x = state.stream
            state = block(state.with_stream(self.config.residual * x + cross(x, o_BkD, mask)))
        return state.stream


def pooled(h_BLD: Tensor, in_BPL: Tensor, pooling: str = "max") -> Tensor:
    """Return the largest, mean or least value of each channel in each patch [B, P, D]; 0 for one without bytes."""
    patch_BL = in_BPL.int().argmax(1)
    out = h_BLD.new_zeros(in_BPL.shape[0], in_BPL.shape[1], h_BLD.shape[2])
    return out.scatter_reduce(1, patch_BL[..., None].expand_as(h_BLD), h_BLD, POOLINGS[pooling], include_self=False)


def reading(x_BLD: Tensor, document_BL: Tensor) -> State:
    """Return the state in front of a stack: causal, and within one document where a row holds several."""
    state = State(stream=x_BLD, positions=torch.arange(x_BLD.shape[1])[None])
    if document_BL.shape[1] and bool((document_BL != document_BL[:, :1]).any()):
        causal = torch.ones(x_BLD.shape[1], x_BLD.shape[1], dtype=torch.bool).tril()
        return replace(state, mask=causal & (document_BL[:, None, :, None] == document_BL[:, None, None, :]))
    return state


def run(trunk: Trunk, x_BLD: Tensor, document_BL: Tensor) -> Tensor:
    """Return a stream after all blocks of a stack."""
    return trunk(reading(x_BLD, document_BL)).stream


def check(ids_BL: Tensor, starts_BM: Tensor) -> None:
    """Raise `BadInput` for ids and starts that do not belong together."""
    if ids_BL.dim() != 2 or ids_BL.shape[1] < 1 or starts_BM.shape != (ids_BL.shape[0], ids_BL.shape[1] + 1):
        raise BadInput(
            f"ids have shape {list(ids_BL.shape)}, starts {list(starts_BM.shape)}.",
            expected="[batch, bytes] and [batch, bytes + 1]: the last start is that of the byte to come",
        )
    if ids_BL.shape[1] > LONGEST:
        raise BadInput(
            f"A row has {ids_BL.shape[1]} bytes.",
            expected=f"at most {LONGEST} in one pass: the masks grow with the square of the length",
            do="cut the text into pages, or read it byte by byte with OnLine",
        )
    if starts_BM.dtype != torch.bool or not bool(starts_BM[:, :2].all()):
        raise BadInput(
            "The begin and the first byte do not both start a patch.",
            expected="true or false for each place, true for the first two",
            do="ready(ids, starts) puts the begin in front",
        )


# What it is compared with.


@dataclass(frozen=True, kw_only=True)
class FlatConfig:
    """Sizes of a plain transformer over bytes or tokens, with the same hashed n-grams at its entrance."""

    vocab: int = VOCAB
    width: int = 48
    depth: int = 4
    heads: int = 4
    ffn: int | None = None
    hash_sizes: tuple[int, ...] = (3, 4, 5, 6, 7, 8)
    hash_rows: int = 1021
    rope_theta: float = 10000.0
    eps: float = 1e-5

    def __post_init__(self) -> None:
        object.__setattr__(self, "hash_sizes", tuple(self.hash_sizes))
        object.__setattr__(self, "ffn", self.ffn or feed_forward(self.width))

    def build(self, seed: int = 0) -> Flat:
        """Return a model with fresh weights that depend on `seed` alone."""
        return spread_init(Flat(self), seed)

    def as_dict(self) -> dict[str, Any]:
        """Return the fields."""
        return asdict(self)


class Flat(nn.Module):
    """A plain decoder: hashed embedding, blocks, norm, head."""

    def __init__(self, config: FlatConfig):
        super().__init__()
        c = self.config = config
        self.embed = HashedEmbedding(c.vocab, c.width, c.hash_sizes, c.hash_rows)
        self.trunk = DecoderConfig(**stack(c.width, c.depth, c.heads, c.ffn, c.rope_theta, c.eps)).trunk()
        self.norm = RMSNorm(c.width, c.eps)
        self.head = nn.Linear(c.width, c.vocab, bias=False)

    def forward(self, ids_BL: Tensor, starts_BM: Tensor | None = None) -> Tensor:
        """Return the logits of the next piece [B, L, V]; patches mean nothing to it."""
        x_BLD = self.embed(ids_BL)
        return self.head(self.norm(run(self.trunk, x_BLD, torch.zeros_like(ids_BL))))


def bits_per_byte(nats: float, n_bytes: int) -> float:
    """Return the summed cross-entropy of a text in bits for each of its bytes, whatever its pieces were (section 4)."""
    if n_bytes < 1:
        raise BadInput(f"A text of {n_bytes} bytes has no bits per byte.", expected="at least one byte")
    return nats / (n_bytes * 0.6931471805599453)


def nats_of(logits_BLV: Tensor, targets_BL: Tensor) -> Tensor:
    """Return the cross-entropy of each target in nats [B, L]."""
    return F.cross_entropy(logits_BLV.flatten(0, 1), targets_BL.flatten(), reduction="none").view(targets_BL.shape)
