"""Panels: one question, at most three controls, an operation on a real model, a picture and a sentence.

Names are imported when first used, so that a panel with stored answers opens without torch.
Write your own as a subclass of `Panel`; `CutPanel` shows how.
"""

from labkit.base.lazy import lazy_names

__all__, __getattr__, __dir__ = lazy_names(
    __name__,
    {
        "controls": ("Choice", "Grid", "Slider", "Text", "Toggle"),
        "gate": ("Gate", "Latch"),
        "measured": ("MeasuredPanel",),
        "panel": ("Panel",),
        "static": ("is_static",),
        "tables": ("Table",),
    },
)
