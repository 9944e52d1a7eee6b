"""The mouse-over help of a widget."""

from __future__ import annotations

import ipywidgets as widgets

__all__ = ["hint"]


def hint(text: str) -> dict[str, str]:
    """Return the keyword that gives a widget its mouse-over help; ipywidgets 8 renamed it."""
    new = "tooltip" in widgets.IntSlider.class_trait_names()
    return {("tooltip" if new else "description_tooltip"): text} if text else {}
