"""Value drain: at a sink the values are short, so that attention spent there brings nothing (Guo et al. 2024).

For each layer the length of the first token's value vector over the mean length at the other tokens. Below 1 the value
is drained; a head that puts its attention there then adds next to nothing to the stream. Shapes: L tokens, D width,
K values of all heads together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from labkit.anatomy import Site, anatomy_of, observe
from labkit.base.errors import BadInput
from labkit.base.results import Result
from labkit.measurements.estimate import Estimate, mean_over
from labkit.measurements.runs import checked_documents
from labkit.measurements.tables import text_table

if TYPE_CHECKING:
    from labkit.zoo import ModelLike

__all__ = ["ValueDrain", "value_drain"]


@dataclass(frozen=True, kw_only=True)
class ValueDrain(Result):
    """One ratio per layer, over documents: the value's length at `token`, times the mean length at the others."""

    token: int
    by_layer: tuple[Estimate, ...]

    def table(self) -> str:
        """Return one line per layer."""
        rows = [[str(n), f"{r.value:.3g}", f"{r.low:.3g} to {r.high:.3g}"] for n, r in enumerate(self.by_layer)]
        title = f"Length of the value at token {self.token}, times the others', over {self.by_layer[0].n} documents"
        return text_table(["layer", "times", "95 % interval"], rows, title=title)


def value_drain(model: ModelLike, documents: Sequence, *, token: int = 0, seed: int = 0) -> ValueDrain:
    """Return the length of one token's value vectors against the others', layer by layer.

    documents: lists of token ids (or texts, when `model` is a handle). Raises `BadInput` where one has too few tokens.
    """
    if token < 0:
        raise BadInput(f"There is no token {token}.", expected="0 or more, counted from the first")
    anatomy = anatomy_of(model)
    views = [anatomy.view(f"layers.{layer}.attn.v") for layer in range(anatomy.depth)]
    ratios: list[list[float]] = [[] for _ in views]

    def watch(layer: int) -> Site:
        return Site(f"layers.{layer}.attn.v, in", views[layer].place.owner, "input")

    def note(layer: int, x_BLD: Tensor) -> None:
        v_LK = x_BLD[0] @ views[layer].read().to(x_BLD).T
        lengths_L = v_LK.norm(dim=-1)
        others = torch.cat((lengths_L[:token], lengths_L[token + 1 :])).mean()
        ratios[layer].append(float(lengths_L[token] / others))

    for ids in checked_documents(model, documents, shortest=token + 2):
        observe(model, ids, [(watch(n), lambda x_BLD, n=n: note(n, x_BLD)) for n in range(len(views))])
    named = enumerate(ratios)
    return ValueDrain(
        token=token, by_layer=tuple(mean_over(one, seed=seed, name=f"value drain in layer {n}") for n, one in named)
    )
