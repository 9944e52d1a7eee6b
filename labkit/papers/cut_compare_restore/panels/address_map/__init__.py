"""Where is an address? Any weight of a model on the picture of the residual stream, with what it reads and writes."""

from .data import PlaceData, PlaceState
from .panel import AddressMap

__all__ = ["AddressMap", "PlaceData", "PlaceState"]
