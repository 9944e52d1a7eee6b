"""How coarse can it be? Round a matrix to a few levels, with its outlier clipped, kept, both or neither."""

from .data import QuantiserData, QuantiserState
from .panel import QuantiserPanel

__all__ = ["QuantiserData", "QuantiserPanel", "QuantiserState"]
