"""The panels of lesson 07: an equaliser on singular values, and a mixer of experts with a search watching."""

from .equaliser import EqualiserPanel
from .mixer import MixerPanel

__all__ = ["EqualiserPanel", "MixerPanel"]
