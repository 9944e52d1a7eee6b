"""Panels of lesson 09: set what one layer reads of another, and where the two kinds of model part."""

from labkit.base.lazy import lazy_names

__all__, __getattr__, __dir__ = lazy_names(
    __name__,
    {"ladder": ("LadderPanel", "LadderState"), "routes": ("RoutesPanel", "RoutesState")},
)
