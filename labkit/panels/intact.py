"""What the intact model makes of a text, taken once: a panel compares every cut with it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from labkit.zoo import ModelLike

__all__ = ["Intact"]

T = TypeVar("T")


class Intact:
    """The last thing taken from an intact model, kept while the model and what was asked about stay the same."""

    def __init__(self) -> None:
        self._of: tuple | None = None
        self._taken: Any = None

    def of(self, model: ModelLike, take: Callable[[str], T], *about: Any) -> T:
        """Return `take(fingerprint)`, taken anew when the model is no longer bit for bit what it was, or `about` is."""
        from labkit.anatomy import fingerprint

        now = (fingerprint(model), *about)
        if self._of != now:
            self._taken, self._of = take(now[0]), now
        return self._taken
