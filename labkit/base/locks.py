"""One re-entrant lock for each model: who changes or reads it holds the lock, so that nobody sees it half-changed."""

from __future__ import annotations

import threading
from typing import Any
from weakref import WeakKeyDictionary

__all__ = ["lock_of", "renew_lock"]

_LOCKS: WeakKeyDictionary[Any, threading.RLock] = WeakKeyDictionary()
_GUARD = threading.Lock()


def lock_of(thing: Any) -> threading.RLock:
    """Return the one re-entrant lock of `thing`, made when first asked for."""
    with _GUARD:
        return _LOCKS.setdefault(thing, threading.RLock())


def renew_lock(thing: Any) -> None:
    """Give `thing` a new lock: the thread that holds the old one has ended, or lost what it held it for."""
    with _GUARD:
        _LOCKS.pop(thing, None)
