"""Which symbols use which edge: for LIMe's first, dynamic version, whose mixture depends on the token (v1, table 2)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from labkit.anatomy import module_of
from labkit.base.errors import BadInput
from labkit.measurements.tables import text_table

from ..method import HiddenMixture
from ..task import Expressions, tokenizer

if TYPE_CHECKING:
    from labkit.zoo import ModelLike

__all__ = ["Circuit", "circuits"]


@dataclass(frozen=True)
class Circuit:
    """An edge by which head `head` of layer `layer` reads layer `source`, and its mean share for every symbol."""

    layer: int
    source: int
    head: int
    shares: dict[str, float]

    @property
    def spread(self) -> float:
        """How far the most and the least reading symbol are apart: 0 for a static router."""
        return max(self.shares.values()) - min(self.shares.values())

    def top(self, count: int = 3) -> list[str]:
        """Return the symbols that use the edge most."""
        return sorted(self.shares, key=self.shares.__getitem__, reverse=True)[:count]

    def table(self) -> str:
        """Return one row a symbol, from the one that uses the edge most."""
        rows = [[symbol, f"{self.shares[symbol]:.3f}"] for symbol in self.top(len(self.shares))]
        return text_table(["symbol", "share"], rows, title=f"({self.layer} ← {self.source}, head {self.head})")


@torch.no_grad()
def circuits(model: ModelLike, rows: Expressions, layer: int) -> list[Circuit]:
    """Return every edge into a layer, those first whose use differs most from symbol to symbol.

    Raises `BadInput` for a layer without a mixture of its own (LIMe v2 treats all tokens alike: nothing to find).
    """
    module = module_of(model)
    blocks = getattr(getattr(module, "trunk", None), "blocks", ())
    mixture = getattr(blocks[layer].attention.mixer, "mixture", None) if layer < len(blocks) else None
    if not isinstance(mixture, HiddenMixture):
        raise BadInput(
            f"Layer {layer} of this model has no mixture that could depend on the token.",
            expected="LIMeOfStates(dynamic=True) and one of its layers",
        )
    ids_NL = torch.from_numpy(rows.ids)
    state = module.begin(ids_NL)
    for block in blocks[:layer]:
        state = block(state)
    shares = mixture.shares(blocks[layer].attention.norm(state.stream)).expand(*ids_NL.shape, -1, -1)
    words, found = tokenizer().words, []
    present = sorted(set(ids_NL.flatten().tolist()))
    means = {words[token]: shares[ids_NL == token].mean(0) for token in present}  # [H, layers read]
    for head in range(mixture.heads):
        for source in range(mixture.layers):
            by_symbol = {word: float(mean[head, source]) for word, mean in means.items()}
            found.append(Circuit(layer, source, head, by_symbol))
    return sorted(found, key=lambda one: one.spread, reverse=True)
