"""Work of more than a second, in slices, so that a notebook can hear Cancel between two of them.

There are no worker threads: a slice runs where the click arrived, and the kernel's own loop calls the next one.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from labkit.base.errors import Busy

__all__ = ["Job", "Progress", "later"]


def later(seconds: float, call: Callable[[], Any]) -> bool:
    """Have the event loop of this thread call `call` after `seconds`; return False when no loop is running here."""
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        return False
    loop.call_later(seconds, call)
    return True


class Progress(float):
    """Progress from 0 to 1 that carries what is known so far, for a panel to show while the work goes on."""

    data: Any

    def __new__(cls, value: float, data: Any) -> Progress:
        made = super().__new__(cls, value)
        made.data = data
        return made


class Job:
    """A generator that yields its progress (0 to 1) and returns its result, run a slice at a time.

    `hold` is entered around each slice (a model's lock), never between two: whatever a step installs in a model it must
    take out before it yields. `partial` is what the latest `Progress` carried.
    `status` is "waiting", "running", "done", "cancelled" or "failed".
    """

    def __init__(
        self,
        steps: Generator[float, None, Any],
        *,
        hold: Callable[[], AbstractContextManager] = nullcontext,
        report: Callable[[Job], None] = lambda job: None,
    ):
        self.status, self.progress = "waiting", 0.0
        self.result: Any = None
        self.partial: Any = None
        self.problem: BaseException | None = None
        self._steps, self._hold, self._report = steps, hold, report
        self._stepping = threading.Lock()  # a generator cannot be entered twice, and Cancel may come from elsewhere
        self._unwanted = threading.Event()

    @property
    def over(self) -> bool:
        return self.status in ("done", "cancelled", "failed")

    def slice(self, seconds: float = 0.2) -> bool:
        """Work for about `seconds` and return whether more is to do; raises `Busy` when the model is in use."""
        if self.over or not self._stepping.acquire(blocking=False):
            return not self.over
        try:
            with self._hold():
                self._work_until(time.monotonic() + seconds)
        except Busy:
            raise
        except BaseException as problem:
            self._finish("failed", problem=problem)
            if not isinstance(problem, Exception):
                raise  # Ctrl-C is the caller's
        finally:
            self._stepping.release()
        self._report(self)
        return not self.over

    def _work_until(self, end: float) -> None:
        self.status = "running"
        while not self._unwanted.is_set():
            try:
                done = next(self._steps)
                self.progress, self.partial = float(done), getattr(done, "data", self.partial)
            except StopIteration as stop:
                self._finish("done", result=stop.value)
                self.progress = 1.0
                return
            if time.monotonic() >= end:
                return
        self._finish("cancelled")

    def _finish(self, status: str, *, result: Any = None, problem: BaseException | None = None) -> None:
        self._steps.close()
        self.result, self.problem, self.status = result, problem, status

    def cancel(self) -> None:
        """Stop before the next step, wherever the job is; what was computed so far is dropped."""
        self._unwanted.set()
        if not self.over and self._stepping.acquire(blocking=False):
            try:
                self._finish("cancelled")
            finally:
                self._stepping.release()
            self._report(self)

    def run(self) -> Any:
        """Work to the end here and now; return the result, or raise what went wrong."""
        while self.slice():
            pass
        if self.problem is not None:
            raise self.problem
        return self.result

    def start(self, patience: float = 0.5) -> None:
        """Work slice by slice on the event loop, waiting `patience` seconds whenever the model is busy."""
        try:
            more, pause = self.slice(), 0.01
        except Busy:
            more, pause = True, patience
        if more and not later(pause, lambda: self.start(patience)):
            self.run()
