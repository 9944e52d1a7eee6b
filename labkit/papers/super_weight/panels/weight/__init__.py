"""What does one number carry? Scale any weight of a decoder or of a sentence encoder, with others beside it."""

from .data import Null, WeightData, WeightState
from .panel import WeightPanel

__all__ = ["Null", "WeightData", "WeightPanel", "WeightState"]
