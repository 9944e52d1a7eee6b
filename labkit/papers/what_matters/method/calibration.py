"""Calibration text: documents joined end to end and cut into windows, as layers are scored in the literature."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from labkit.base.errors import BadInput
from labkit.measurements.runs import checked_documents

if TYPE_CHECKING:
    from labkit.zoo import ModelLike

__all__ = ["calibration"]


def calibration(model: ModelLike, documents: Sequence, window: int, n: int | None = None) -> list[Tensor]:
    """Return the first `n` windows (default: all) of `window` tokens each; what is left at the end is not used.

    Raises `BadInput` for an empty text, and for one that does not fill the windows asked for.
    """
    if isinstance(window, bool) or not isinstance(window, int) or window < 2:
        raise BadInput(f"window = {window!r} tokens.", expected="a whole number of at least 2")
    if n is not None and n < 1:
        raise BadInput(f"n = {n} windows.", expected="at least 1")
    joined = torch.cat(checked_documents(model, documents, shortest=1))
    needed = window * (n or 1)
    if len(joined) < needed:
        raise BadInput(
            f"The calibration text is {len(joined)} tokens long.",
            expected=f"at least {needed}: {n or 1} of {window} tokens",
            do="give more text, or shorter windows",
        )
    return list(joined[: len(joined) // window * window].view(-1, window)[:n])
