"""What grows with the number of possible futures: the arms by branching factor, over models of several seeds."""

from __future__ import annotations

from collections.abc import Mapping
from statistics import fmean
from typing import Any

from ..task import BRANCHES

__all__ = ["after_verbs"]


def after_verbs(run: Mapping[str, Any], measure: str, futures: int) -> float:
    """Return a measure of a measured run, mean over the verbs after which so many things can follow."""
    return fmean(run[measure][kind] for kind, branch in enumerate(BRANCHES) if len(branch) == futures)
