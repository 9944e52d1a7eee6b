"""Panels: one question, at most three controls, an operation on a real model, a picture and a sentence.

Names are imported when first used, so that a panel with stored answers opens without torch.
Write your own as a subclass of `Panel`; `CutPanel` shows how.
"""

from importlib import import_module
from typing import Any

_MODULES = {
    "controls": ("Choice", "Slider", "Text", "Toggle"),
    "cut": ("CutPanel",),
    "gate": ("Gate", "Latch"),
    "panel": ("Panel",),
    "quantiser": ("QuantiserPanel",),
    "static": ("is_static",),
    "tables": ("Table",),
    "weight": ("WeightPanel",),
}
_HOME = {name: module for module, names in _MODULES.items() for name in names}

__all__ = [*_HOME]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'labkit.panels' has no attribute {name!r}")
    value = getattr(import_module(f"labkit.panels.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
