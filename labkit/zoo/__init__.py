"""The zoo: every model by its name, checked before it is opened."""

from .handle import Handle, module_of
from .loading import load
from .manifest import card_of, entries, models, verify
from .shipping import ship

__all__ = ["Handle", "card_of", "entries", "load", "models", "module_of", "ship", "verify"]
