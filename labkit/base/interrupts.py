"""Keep a Ctrl-C (or the stop button of a notebook, or an alarm) from cutting a critical section in two."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from types import CodeType, FrameType, FunctionType
from typing import Any, ParamSpec, TypeVar, cast

__all__ = [
    "InterruptGuard",
    "deferred_interrupts",
    "defers_signals",
    "deliver_held",
    "takes_signals",
    "uninterruptible",
]

P = ParamSpec("P")
T = TypeVar("T")
F = TypeVar("F", bound=Callable[..., Any])


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
    """From `install()` to `remove()`, signals wait while a function runs that is marked as `defers_signals`.

    Every signal that has a handler of Python's is meant: Ctrl-C, and an alarm or a SIGTERM whose handler raises.
    `deferred_interrupts` cannot cover the instant between the end of a `with` body and the first line of
    `__exit__`. A handler that was there before can: it looks whose frame was interrupted. Off the main thread, and
    for signals that another guard holds already, both methods do nothing.
    """

    def __init__(self) -> None:
        self._previous: dict[int, Any] = {}
        self._held: list[tuple[int, FrameType | None]] = []

    def install(self) -> None:
        """Take over the signals."""
        if threading.current_thread() is not threading.main_thread():
            return
        for number in _SIGNALS:
            previous = signal.getsignal(number)
            if callable(previous) and not isinstance(previous, InterruptGuard):
                self._previous[number] = previous
                signal.signal(number, self)

    def remove(self) -> None:
        """Give back the signals that are still ours to give, and deliver what was kept."""
        if threading.current_thread() is threading.main_thread():
            for number, previous in self._previous.items():
                if signal.getsignal(number) is self:
                    signal.signal(number, previous)
        self.deliver()

    def deliver(self) -> None:
        """Hand on the signals that were kept, all of them, whatever the handlers raise."""
        if self._held:
            number, frame = self._held.pop(0)
            try:
                self._previous[number](number, frame)
            finally:
                self.deliver()

    def __call__(self, number: int, frame: FrameType | None) -> None:
        if _inside_deferring(frame):
            if all(number != held for held, _ in self._held):  # as the system keeps them: each once
                self._held.append((number, frame))
        else:
            self._previous[number](number, frame)


_SIGNALS = sorted(signal.valid_signals())
_DEFERRING: set[CodeType] = set()
_OPEN: set[CodeType] = set()


def _inside_deferring(frame: FrameType | None) -> bool:
    while frame is not None and frame.f_code not in _DEFERRING and frame.f_code not in _OPEN:
        frame = frame.f_back
    return frame is not None and frame.f_code in _DEFERRING


def deliver_held() -> None:
    """Deliver the signals that guards have kept, unless the caller's caller is to run to its end itself."""
    if not _inside_deferring(sys._getframe(2)):
        guards = {id(one): one for one in map(signal.getsignal, _SIGNALS) if isinstance(one, InterruptGuard)}
        for guard in guards.values():
            guard.deliver()


def defers_signals(function: F) -> F:
    """Mark a function: while it runs inside a guard, signals wait."""
    _DEFERRING.add(function.__code__)
    return function


def takes_signals(function: F) -> F:
    """Mark what a function that defers signals calls and a signal may end: it waits or measures, and holds nothing."""
    _OPEN.add(function.__code__)
    return function


def uninterruptible(function: Callable[P, T]) -> Callable[P, T]:
    """Let `function` run to its end before a signal arrives (from its very first instruction inside a guard)."""

    @wraps(function)
    def whole(*args: P.args, **kwargs: P.kwargs) -> T:
        own = InterruptGuard()
        own.install()
        try:
            return function(*args, **kwargs)
        finally:
            own.remove()
            deliver_held()

    _DEFERRING.update((function.__code__, cast(FunctionType, whole).__code__))
    return whole
