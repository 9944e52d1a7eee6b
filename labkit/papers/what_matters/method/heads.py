"""Single heads instead of whole attentions: a score for each, by the same cosine, and the plan without the lowest.

A head's share of what its attention writes is o[:, h] z_h, K columns of the output matrix times what the head mixed:
the attention's write is their sum. Asked for by the paper's reviewers; the paper drops whole attentions only.
Shapes: B texts, L tokens, D width, H heads, K head size.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch

from labkit.anatomy import anatomy_of, record, view
from labkit.base.errors import BadInput
from labkit.interventions import Plan, ReplaceActivation, Zero
from labkit.measurements import sizes_of
from labkit.measurements.runs import batches, checked_documents

from .metrics import turn

if TYPE_CHECKING:
    from labkit.zoo import ModelLike

__all__ = ["drop_head", "head_scores", "lowest_heads"]

Head = tuple[int, int]  # layer, head


def drop_head(layer: int, head: int, size: int) -> ReplaceActivation:
    """Return the edit that silences one head of `size` K: what it mixed is replaced by 0 before the output matrix."""
    return ReplaceActivation(
        f"layers.{layer}.attn.heads", Zero(), channels=tuple(range(head * size, (head + 1) * size))
    )


@torch.no_grad()
def head_scores(model: ModelLike, documents: Sequence) -> dict[Head, float]:
    """Return per head 1 - cosine of the stream before its attention and the same with the head's own write added,
    averaged over tokens."""
    sizes, depth = sizes_of(model), anatomy_of(model).depth
    totals = {(layer, head): 0.0 for layer in range(depth) for head in range(sizes.heads)}
    tokens = 0
    for batch in batches(model, checked_documents(model, documents, shortest=1)):
        tokens += batch.ids_BL.numel()
        names = ["embed", *(f"layers.{layer}" for layer in range(depth - 1))]
        seen = record(model, batch.ids_BL, [*names, *(f"layers.{layer}.attn.heads" for layer in range(depth))])
        for layer, before in enumerate(names):
            x_BLD, z_BLC = seen[before], seen[f"layers.{layer}.attn.heads"]
            o_DC = view(model, f"layers.{layer}.attn.o").read()
            for head in range(sizes.heads):
                own = slice(head * sizes.head_size, (head + 1) * sizes.head_size)
                write_BLD = z_BLC[..., own] @ o_DC[:, own].T
                totals[layer, head] += float(turn(x_BLD, x_BLD + write_BLD).sum())
    return {head: total / tokens for head, total in totals.items()}


def lowest_heads(model: ModelLike, documents: Sequence, n: int) -> Plan:
    """Return the plan that silences the `n` heads of lowest score, the lowest first."""
    scores, size = head_scores(model, documents), sizes_of(model).head_size
    if not 0 <= n <= len(scores):
        raise BadInput(f"{n} heads cannot be dropped.", expected=f"0 to {len(scores)}")
    return Plan(drop_head(layer, head, size) for layer, head in sorted(scores, key=scores.__getitem__)[:n])
