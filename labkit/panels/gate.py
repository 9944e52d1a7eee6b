"""Predict first: what a panel asks of the thing that keeps predictions.

The lessons keep the predictions; a panel only needs to know whether there is one. Anything with these three members is
a gate, and `Latch` is the plain one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, runtime_checkable

__all__ = ["Gate", "Latch"]


@runtime_checkable
class Gate(Protocol):
    """What shuts a panel until the reader has committed to an answer.

    `ready` is true once a prediction is stored or skipped. `on_ready(call)` calls `call()` at that moment, or at once
    when it has passed. `skip()` records that the reader went on without one. A gate may also have `said`, the stored
    prediction in words ("layer 0, fairly sure"), which the panel then shows beside its answer.
    """

    @property
    def ready(self) -> bool: ...

    def on_ready(self, call: Callable[[], None]) -> None: ...

    def skip(self) -> None: ...


class Latch:
    """A gate that opens once: `latch.open("layer 0, fairly sure")`, or `latch.skip()`."""

    def __init__(self) -> None:
        self.ready = False
        self.skipped = False
        self.said = ""
        self._calls: list[Callable[[], None]] = []

    def open(self, said: str = "") -> None:
        """Store what was said and let the panels through; later calls change nothing."""
        if self.ready:
            return
        self.ready, self.said = True, said
        calls, self._calls = self._calls, []
        for call in calls:
            call()

    def skip(self) -> None:
        """Let the panels through without a prediction."""
        self.skipped = self.skipped or not self.ready
        self.open()

    def on_ready(self, call: Callable[[], None]) -> None:
        if self.ready:
            call()
        else:
            self._calls.append(call)
