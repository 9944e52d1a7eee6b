"""The panels of this lesson."""

from labkit.base.doors import lazy_names

__all__, __getattr__, __dir__ = lazy_names(__name__, {"fire": ("FirePanel",), "grow": ("GrowPanel",)})
