"""Estimated against exact: what single weights cost, by one backward pass and by zeroing them one at a time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from labkit.base.errors import BadInput
from labkit.measurements.ranks import Agreement, agreement
from labkit.measurements.zeroing import ZeroingEstimates, zeroing_estimates

from .plans import weights
from .run import sweep

if TYPE_CHECKING:
    from labkit.zoo import ModelLike

__all__ = ["zeroing_agreement"]


def zeroing_agreement(
    model: ModelLike,
    documents: Sequence,
    addresses: Sequence[str] | None = None,
    *,
    n: int = 40,
    order: int = 1,
    estimates: ZeroingEstimates | None = None,
    seed: int = 0,
) -> Agreement:
    """Return estimate and exact change of loss for single weights, with their rank correlation.

    addresses: weights to try; by default the `n` // 2 of highest estimate and as many drawn at random, as two kinds:
    among random weights alone nearly all changes are rounding. estimates: from an earlier call, on these documents.
    """
    estimates = estimates or zeroing_estimates(model, documents, order=order)
    if addresses is None:
        top = estimates.top(n // 2)
        drawn = [one for one in estimates.drawn(min(n, len(estimates)), seed) if one not in top][: n - n // 2]
        addresses, kinds = [*top, *drawn], ["highest"] * len(top) + ["random"] * len(drawn)
    else:
        kinds = ["chosen"] * len(addresses)
    if len(set(addresses)) < max(4, len(addresses)):
        raise BadInput(f"{len(addresses)} weights.", expected="at least four, each once")
    guess = [estimates.at(address) for address in addresses]
    found = sweep(model, weights(addresses), documents)
    return agreement(
        guess,
        [point.change.value for point in found.points],
        addresses,
        kinds,
        guess_name=f"estimate, order {estimates.order}",
        truth_name="change of loss (nats/token)",
        over="weights",
    )
