"""Strategies: from scores to a plan of drops. A plan's first k edits are the strategy's choice of k parts.

Attention, MLP and Block Drop take the n lowest scores of their kind, Joint Drop the n lowest of attention and MLP in
one list (What Matters in Transformers, section 3). One-shot scores the intact model once; iterative drops one part,
scores the cut model, and so on. Layers keep the numbers they have in the model throughout.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from labkit.anatomy import anatomy_of
from labkit.base.errors import BadInput, unknown
from labkit.interventions import DropBlock, Plan, edit
from labkit.sweeps.leave_one_out import DROPS

from .metrics import Cosine, Metric
from .windows import window_scores

if TYPE_CHECKING:
    from labkit.zoo import ModelLike

__all__ = ["STRATEGIES", "consecutive", "iterative", "one_shot"]

STRATEGIES = ("attention", "mlp", "block", "joint")


def one_shot(
    model: ModelLike, documents: Sequence | None, n: int, part: str = "attention", metric: Metric | None = None
) -> Plan:
    """Return the plan that drops the `n` lowest of the intact model's scores, the lowest first.

    part: "attention", "mlp", "block" or "joint". metric: default `Cosine()`. Raises `BadInput` when there are fewer.
    """
    _check(model, n, part)
    ranked = (metric or Cosine())(model, documents).ranked(part)
    return Plan(DROPS[kind](layer) for kind, layer in ranked[:n])


def iterative(
    model: ModelLike, documents: Sequence | None, n: int, part: str = "attention", metric: Metric | None = None
) -> Plan:
    """Return the plan of `n` drops, each the lowest score of the model without the parts dropped before it.

    With `LeaveOneOut()` as the metric this is the greedy search by loss.
    """
    _check(model, n, part)
    metric, plan = metric or Cosine(), Plan()
    for _ in range(n):
        gone = {(item.kind, item.layer) for item in plan}
        with edit(model, plan):  # the whole cut model runs: parts after a dropped one read what they would read
            ranked = metric(model, documents).ranked(part)
        kind, layer = next(key for key in ranked if (DROPS[key[0]].kind, key[1]) not in gone)
        plan = Plan((plan, DROPS[kind](layer)))
    return plan


def consecutive(model: ModelLike, documents: Sequence, n: int, *, angular: bool = False, skip: int = 0) -> Plan:
    """Return the plan that drops the `n` blocks in a row over which the stream turns least."""
    _check(model, n, "block")
    if n == 0:
        return Plan()
    found = window_scores(model, documents, n, angular=angular, skip=skip)
    return Plan(DropBlock(layer) for layer in found.layers)


def _check(model: ModelLike, n: int, part: str) -> None:
    if part not in STRATEGIES:
        raise unknown("strategy", part, STRATEGIES)
    blocks = anatomy_of(model).blocks
    kinds = ("attention", "mlp") if part == "joint" else (part,)
    most = sum(kind == "block" or getattr(block, kind) is not None for block in blocks for kind in kinds)
    if isinstance(n, bool) or not isinstance(n, int) or not 0 <= n <= most:
        raise BadInput(
            f"{n!r} parts cannot be dropped by the strategy {part!r}.", expected=f"a whole number from 0 to {most}"
        )
