"""Token nonlinearity: how far each token's step from level to level is from the one linear map that suits all tokens.

E_i^l = ‖A*ᵀh_i^l - h_i^{l+1}‖   (LLM-Microscope, eq. 1)

The paper writes raw states beside a map fitted on centred and normalised ones. Here both are centred and divided alike,
so that Σ_i (E_i^l)² over the fitting tokens is 1 - score, the part of the step that is not linear.

Shapes: S levels, N = S - 1 steps, T tokens, D width.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor

from labkit.base.errors import BadInput, unknown

from .linearity import LinearMap, fit_linear

__all__ = ["FORMS", "fit_steps", "nonlinearity"]

FORMS = ("raw", "relative", "robust")


def fit_steps(h_STD: Tensor, *, ridge: float = 0.0) -> list[LinearMap]:
    """Return the least-squares map of every step, fitted on a cloud of states.

    Raises `BadInput` for a cloud no larger than the width: its fit is perfect and says nothing.
    """
    tokens, width = h_STD.shape[1:]
    if tokens <= width + 1:
        raise BadInput(
            f"{tokens} tokens of width {width}: a linear map fits them exactly, whatever they are.",
            expected=f"well over {width + 1} tokens, some {20 * width} for a score that means something",
            do="give more texts",
        )
    return [fit_linear(x, y, ridge=ridge) for x, y in pairwise(h_STD)]


def nonlinearity(h_STD: Tensor, maps: list[LinearMap], form: str = "raw") -> Tensor:
    """Return E [N, T] of each step and token under maps fitted before, on these tokens or on others.

    raw: in Frobenius norms of the fitting cloud, the paper's quantity. relative: the error over the length of what the
    block adds, ‖h^{l+1} - h^l‖. robust: raw minus the step's median, over its median absolute deviation.
    """
    if form not in FORMS:
        raise unknown("form of nonlinearity", form, FORMS)
    rows = []
    for x, y, one in zip(h_STD[:-1], h_STD[1:], maps):
        error = one.errors(x, y)
        if form == "relative":
            error = error * one.y_norm / (y.double() - x.double()).norm(dim=-1).clamp_min(1e-300)
        elif form == "robust":
            middle = error.median()
            error = (error - middle) / (error - middle).abs().median().clamp_min(1e-300)
        rows.append(error)
    return torch.stack(rows)
