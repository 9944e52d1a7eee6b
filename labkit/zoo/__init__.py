"""The zoo: every model by its name, checked before it is opened.

Names are imported when first used: to list what is here needs no torch.
"""

from importlib import import_module
from typing import Any

_MODULES = {
    "encoder": ("Encoder",),
    "handle": ("Handle", "module_of"),
    "loading": ("load",),
    "manifest": ("card_of", "entries", "models", "verify"),
    "packaged": ("about_encoder",),
    "shipping": ("ship",),
}
_HOME = {name: module for module, names in _MODULES.items() for name in names}

__all__ = [*_HOME]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'labkit.zoo' has no attribute {name!r}")
    value = getattr(import_module(f"labkit.zoo.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
