"""Say so when what a model computed is no number: where that begins, before somebody reads a share of nothing."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from labkit import models

from .handle import ModelLike, module_of

__all__ = ["NotFinite", "tell_not_finite", "where_it_begins"]


class NotFinite(UserWarning):
    """What was measured holds NaN or infinite numbers."""


def tell_not_finite(model: ModelLike, ids_BL: Tensor, values: Any) -> None:
    """Warn when `values`, from a pass over `ids_BL` [B, L], hold NaN or infinity, and name the first such place.

    values: tensors, or what the model gave.

    Minus infinity alone is no fault of logits: it is how a word is ruled out.
    """
    logits, states = getattr(values, "logits", None), getattr(values, "last_hidden_state", None)
    given = [one for one in (logits, states) if one is not None] or list(values)
    ends = [one.aminmax() for one in given if one.is_floating_point() and one.numel()]
    if all(bool(high.isfinite()) and (logits is not None or bool(low.isfinite())) for low, high in ends):
        return
    place = models.where_not_finite(module_of(model), ids_BL)
    warnings.warn(
        f"These are no numbers (NaN or infinite): they first appear in {place}. What is measured of them says nothing. "
        "Try: look there for a weight or an edit that overflows; load the model in float32",
        NotFinite,
        stacklevel=3,
    )


def where_it_begins(model: ModelLike, ids: Sequence[int]) -> str:
    """Return where NaN or infinity first appears when the model reads these token ids."""
    module = module_of(model)
    device = next(module.parameters()).device
    return models.where_not_finite(module, torch.tensor([list(ids)], device=device))
