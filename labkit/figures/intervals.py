"""An interval as the figures' sentences say it."""

from __future__ import annotations

import math

from labkit.base.numbers import number
from labkit.measurements import Estimate

__all__ = ["interval"]


def interval(estimate: Estimate) -> str:
    """Return " (95 % interval 1.2 to 1.4 over 64 documents)", or nothing where there is no interval."""
    if math.isnan(estimate.low):
        return ""
    ends = f"{number(estimate.low)} to {number(estimate.high)}"
    return f" ({estimate.level * 100:g} % interval {ends} over {estimate.n:,} {estimate.over})"
