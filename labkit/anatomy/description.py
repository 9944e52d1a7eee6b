"""How a family of models is described: data that says where its parts are and how they are stored.

Paths are attribute paths: the ends' from the model, the others' from a block. A logical matrix [out, in] may be
stored transposed, as a range of rows of a fused one, or as rows taken in turns with others, head by head.
The descriptions themselves are in `families.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch

from labkit.base.errors import BadInput

__all__ = ["Family", "HeadSizes", "Stored", "Sublayer"]


@dataclass(frozen=True)
class Stored:
    """Where a logical matrix is kept: the module's path, which rows of it, and whether it is kept transposed."""

    path: str
    rows: str = "all"
    transposed: bool = False


@dataclass(frozen=True, kw_only=True)
class Sublayer:
    """Paths of one sub-layer, from its block.

    module: what computes. norm: before it. post_norm: after it, before the residual add. writer: the last module
    before the add. returns: "tensor" or "tuple" (output, attention weights). write: the module that adds, if any.
    norms_sum: `norm` comes after the add and norms the stream itself (BERT); it stays when the sub-layer is left out.
    """

    module: str
    norm: str | None
    writer: str
    post_norm: str | None = None
    returns: str = "tensor"
    write: str | None = None
    norms_sum: bool = False


@dataclass(frozen=True, kw_only=True)
class Family:
    """One way of naming and storing the parts of a decoder, or of an encoder, which has no head.

    trunk: the module that runs the blocks. weights: `Stored` by part ("attn.q"). gain_offset: what is added to a
    stored norm gain to get the gain. parallel: both sub-layers read the block's input, always or by a config field.
    """

    name: str
    model_types: tuple[str, ...]
    trunk: str
    embed: str
    blocks: str
    final_norm: str | None
    head: str | None
    attn: Sublayer
    mlp: Sublayer
    weights: Mapping[str, Stored]
    positions: str | None = None
    embed_norm: str | None = None
    gain_offset: float = 0.0
    parallel: bool | str = False
    notes: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class HeadSizes:
    """Numbers of query heads and of key and value heads, and the width of one."""

    heads: int
    kv_heads: int
    size: int

    @classmethod
    def of(cls, config: Any) -> HeadSizes:
        """Read the sizes from a config of transformers."""
        heads = config.num_attention_heads
        size = getattr(config, "head_dim", None) or config.hidden_size // heads
        return cls(heads, getattr(config, "num_key_value_heads", None) or heads, size)

    def rows(self, rule: str, total: int) -> range | torch.Tensor:
        """Return which of `total` stored rows make up the logical matrix, in order."""
        kind, _, part = rule.partition(" ")
        if kind == "all":
            return range(total)
        if kind == "half":
            return range(total // 2) if part == "first" else range(total // 2, total)
        place = "qkv".index(part)
        if kind == "fused":  # all queries, then all keys, then all values
            ends = torch.tensor([0, self.heads, self.kv_heads, self.kv_heads]).cumsum(0) * self.size
            return range(int(ends[place]), int(ends[place + 1]))
        if kind == "interleaved":  # query, key and value of head 0, then of head 1, ...
            return torch.arange(total).view(self.heads, 3, self.size)[:, place].flatten()
        raise BadInput(f"There is no rule {rule!r} for rows.", expected="all, half, fused or interleaved")
