"""What each part of a model reads, writes and leaves behind on the residual stream, token by token.

For a block h_l → h_{l+1} with an attention and an MLP (paper: What Matters in Transformers, eqs. 3 to 6):

block       x = h_l                        y = h_{l+1}
attention   x = h_l                        y = h_l + what the attention writes
MLP         x = h_l + attention's write    y = x + what the MLP writes; x = h_l where the two run in parallel

What is written is taken after a norm that stands after the sub-layer (Gemma 2 and 3, OLMo 2). In our decoders x and
y are the stream itself, however a variant's write slot makes one from the other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from torch import Tensor

from labkit.anatomy import Site, anatomy_of, module_of, record
from labkit.base.errors import BadInput
from labkit.measurements.runs import batches
from labkit.models import Decoder

if TYPE_CHECKING:
    from labkit.zoo import ModelLike

__all__ = ["PARTS", "Change", "Key", "boundaries", "token_scores"]

PARTS = ("attention", "mlp", "block")
MOST_TOKENS = 1024  # whose streams are held at once

Key = tuple[str, int]  # part, layer


class Change(NamedTuple):
    """One part at work: the stream before and after it, and without the residual what it reads and returns.

    All are [B, L, D]. A block has no inside: there `read` and `returned` are None.
    """

    before: Tensor
    after: Tensor
    read: Tensor | None
    returned: Tensor | None


def token_scores(
    model: ModelLike, documents: Sequence[Tensor], rule: Callable[[Change], Tensor | None], *, inside: bool = False
) -> dict[Key, list[np.ndarray]]:
    """Return `rule(change)` [L] of each checked document, for every part of every layer.

    rule: from a `Change` to one number per token [B, L], or None where it has no answer. inside: whether the rule
    looks at `read` and `returned`.
    """
    found: dict[Key, list[np.ndarray]] = {}
    for ids_BL, index in _pieces(model, documents):
        for key, change in _changes(model, ids_BL, inside):
            if (values_BL := rule(change)) is None:
                continue
            rows = found.setdefault(key, [np.empty(0)] * len(documents))
            for place, values_L in zip(index, values_BL.double().cpu().numpy()):
                rows[place] = values_L
    return found


def boundaries(model: ModelLike, documents: Sequence[Tensor]) -> Iterator[tuple[list[Tensor], tuple[int, ...]]]:
    """Yield the N + 1 streams [B, L, D] around the blocks, and which documents they are of."""
    blocks = [block.module for block in anatomy_of(model).blocks]
    sites = [*(Site(f"{layer}", block, "input") for layer, block in enumerate(blocks)), Site("", blocks[-1], "output")]
    for ids_BL, index in _pieces(model, documents):
        yield list(record(model, ids_BL, sites).values()), index


def _pieces(model: ModelLike, documents: Sequence[Tensor]) -> Iterator[tuple[Tensor, tuple[int, ...]]]:
    if anatomy_of(model).description.attn.norms_sum:
        raise BadInput(
            f"In a {anatomy_of(model).family} every sum is normed: no stream passes its parts by.",
            expected="a causal language model whose parts add to a residual stream",
        )
    for batch in batches(model, documents):
        rows = max(1, MOST_TOKENS // batch.ids_BL.shape[1])
        for start in range(0, len(batch.index), rows):
            yield batch.ids_BL[start : start + rows], batch.index[start : start + rows]


def _changes(model: ModelLike, ids_BL: Tensor, inside: bool) -> Iterator[tuple[Key, Change]]:
    anatomy = anatomy_of(model)
    ours = isinstance(module_of(model), Decoder)
    seen = record(model, ids_BL, list(_sites(anatomy, ours, inside)))
    for layer, block in enumerate(anatomy.blocks):
        x = seen[f"{layer}.block.before"]
        for which in PARTS[:2]:
            if getattr(block, which) is None:
                continue
            name = f"{layer}.{which}"
            before = seen[f"{name}.before"] if ours else x
            after = seen[f"{name}.after"] if ours else x + seen[f"{name}.written"]
            yield (which, layer), Change(before, after, seen.get(f"{name}.read"), seen.get(f"{name}.returned"))
            if not block.parallel:
                x = after
        following = f"{layer + 1}.block.before" if layer + 1 < anatomy.depth else "end"
        yield ("block", layer), Change(seen[f"{layer}.block.before"], seen[following], None, None)


def _sites(anatomy: Any, ours: bool, inside: bool) -> Iterator[Site]:
    for layer, block in enumerate(anatomy.blocks):
        yield Site(f"{layer}.block.before", block.module, "input")
        for which in PARTS[:2]:
            part, name = getattr(block, which), f"{layer}.{which}"
            if part is None:
                continue
            if ours:
                branch = getattr(block.module, which)
                yield from (Site(f"{name}.before", branch, "input"), Site(f"{name}.after", branch, "output"))
            else:
                yield Site(f"{name}.written", part.writer, "output")
            if inside:
                yield from (Site(f"{name}.read", part.module, "input"), Site(f"{name}.returned", part.module, "output"))
    yield Site("end", anatomy.blocks[-1].module, "output")
