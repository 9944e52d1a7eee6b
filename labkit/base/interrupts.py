"""Keep a Ctrl-C (or the stop button of a notebook) from cutting a critical section in two."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from types import CodeType, FrameType
from typing import Any, ParamSpec, TypeVar

__all__ = ["InterruptGuard", "deferred_interrupts", "uninterruptible"]

P = ParamSpec("P")
T = TypeVar("T")


@contextmanager
def deferred_interrupts() -> Iterator[None]:
    """Hold back SIGINT inside the block and deliver it right after; no-op off the main thread.

    Only the main thread receives signals in Python, so elsewhere there is nothing to hold back.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    held: list[tuple] = []
    previous = signal.getsignal(signal.SIGINT)
    if previous is None:  # installed from outside Python: we could not put it back
        yield
        return
    signal.signal(signal.SIGINT, lambda number, frame: held.append((number, frame)))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, previous)
        if held and callable(previous):
            previous(*held[-1])


class InterruptGuard:
    """From `install()` to `remove()`, a Ctrl-C inside an `uninterruptible` function waits until it has ended.

    `deferred_interrupts` cannot cover the instant between the end of a `with` body and the first line of
    `__exit__`. A handler that was there before can: it looks whose frame was interrupted. Off the main thread, or
    inside another guard, both methods do nothing.
    """

    def __init__(self) -> None:
        self._previous: Any = None
        self._held: tuple | None = None

    def install(self) -> None:
        """Take over SIGINT."""
        if threading.current_thread() is not threading.main_thread():
            return
        previous = signal.getsignal(signal.SIGINT)
        if callable(previous) and not isinstance(previous, InterruptGuard):
            self._previous = previous
            signal.signal(signal.SIGINT, self)

    def remove(self) -> None:
        """Give SIGINT back, if it is still ours to give, and deliver what was kept."""
        if signal.getsignal(signal.SIGINT) is self:
            signal.signal(signal.SIGINT, self._previous)
        self.deliver()

    def deliver(self) -> None:
        """Hand on a signal that was kept."""
        held, self._held = self._held, None
        if held is not None:
            self._previous(*held)

    def __call__(self, number: int, frame: FrameType | None) -> None:
        if _inside_unbroken(frame):
            self._held = (number, frame)
        else:
            self._previous(number, frame)


_UNBROKEN: set[CodeType] = set()


def _inside_unbroken(frame: FrameType | None) -> bool:
    while frame is not None and frame.f_code not in _UNBROKEN:
        frame = frame.f_back
    return frame is not None


def uninterruptible(function: Callable[P, T]) -> Callable[P, T]:
    """Let `function` run to its end before a Ctrl-C arrives (from its very first instruction inside a guard)."""

    @wraps(function)
    def whole(*args: P.args, **kwargs: P.kwargs) -> T:
        own = InterruptGuard()
        own.install()
        try:
            return function(*args, **kwargs)
        finally:
            own.remove()
            outer = signal.getsignal(signal.SIGINT)
            if isinstance(outer, InterruptGuard) and not _inside_unbroken(sys._getframe(1)):
                outer.deliver()

    _UNBROKEN.update((function.__code__, whole.__code__))
    return whole
