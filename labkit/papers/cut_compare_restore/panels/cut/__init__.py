"""Which part can go and it still knows who has the lantern? The panel, what it computes, and its stored answers."""

from .data import CutData, CutState
from .panel import CutPanel
from .replay import Replay, store

__all__ = ["CutData", "CutPanel", "CutState", "Replay", "store"]
