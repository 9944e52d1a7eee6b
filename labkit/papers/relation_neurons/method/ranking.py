"""Rank neurons by average precision: how well a neuron's output alone tells one relation's prompts from others'.

    AP = Σ_n (R_n − R_{n−1}) P_n        precision P, recall R at each distinct threshold (scikit-learn's definition)

A constant neuron scores the share of positives, 0.2; a perfect one 1. AP looks at high outputs only: a neuron that is
reliably low for the relation scores below 0.2.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from labkit.base.errors import BadInput, unknown

__all__ = ["TIES", "average_precision", "rank", "standardised_difference"]

TIES = ("difference", "order")


def average_precision(scores_NM: Tensor, positive_N: Tensor) -> Tensor:
    """Return the average precision [M] of each column of scores; equal scores are one threshold.

    Raises `BadInput` where one of the two classes is empty, or the scores hold no numbers.
    """
    positive_N = positive_N.bool()
    if not 0 < int(positive_N.sum()) < len(positive_N) or len(positive_N) != len(scores_NM):
        raise BadInput(
            f"{int(positive_N.sum())} of {len(positive_N)} labels are positive, for {len(scores_NM)} scores.",
            expected="a label for each score, and both kinds of labels",
        )
    if scores_NM.isnan().any():
        raise BadInput("Some scores are no numbers.", do="look at the activations they come from")
    sorted_NM, order_NM = scores_NM.sort(dim=0, descending=True)
    hits_NM = positive_N[order_NM].double()
    seen_N1 = torch.arange(1, len(hits_NM) + 1, dtype=torch.float64)[:, None]
    precision_NM = hits_NM.cumsum(dim=0) / seen_N1
    # Within a run of equal scores the precision is that at the run's end.
    ends_NM = torch.ones_like(sorted_NM, dtype=torch.bool)
    ends_NM[:-1] = sorted_NM[:-1] != sorted_NM[1:]
    places_NM = torch.where(ends_NM, torch.arange(len(hits_NM))[:, None], len(hits_NM))
    end_NM = places_NM.flip(0).cummin(dim=0).values.flip(0)
    return (hits_NM * precision_NM.gather(0, end_NM)).sum(dim=0) / hits_NM.sum(dim=0)


def standardised_difference(scores_NM: Tensor, positive_N: Tensor) -> Tensor:
    """Return (mean of positives − mean of negatives) / pooled standard deviation [M]; 0 for a constant column."""
    yes_NM, no_NM = scores_NM[positive_N.bool()].double(), scores_NM[~positive_N.bool()].double()
    spread_M = ((yes_NM.var(dim=0, unbiased=False) + no_NM.var(dim=0, unbiased=False)) / 2).sqrt()
    return torch.where(spread_M > 0, (yes_NM.mean(dim=0) - no_NM.mean(dim=0)) / spread_M.clamp_min(1e-30), 0.0)


def rank(ap_M: Tensor, difference_M: Tensor, ties: str = "difference") -> np.ndarray:
    """Return the neurons from the best to the worst AP [M].

    ties: equal APs are ordered by the standardised difference, largest first, or, as in the authors' code, by the
    "order" in which the model happens to hold them.
    """
    if ties not in TIES:
        raise unknown("way to break ties", ties, TIES)
    ap = -ap_M.double().numpy().round(12)
    if ties == "order":
        return np.argsort(ap, kind="stable")
    return np.lexsort((-difference_M.double().numpy(), ap))
