"""How a panel gets its answer: from the file, from the model, or in slices; the last value asked for wins.

Callbacks may arrive on a second thread beside a running cell (ipykernel 7), so every question takes a ticket and an
answer is shown only while its ticket is the latest. The model is held by its one lock, never the panel's own.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from labkit.base.errors import BadInput, Busy, LabkitError, NotAvailable

from .jobs import Job, later

if TYPE_CHECKING:
    from labkit.zoo import ModelLike

    from .panel import Panel

__all__ = ["AGAIN", "MOUSE_PATIENCE", "PATIENCE", "Inquiry", "Shown", "in_words"]

PATIENCE, MOUSE_PATIENCE, AGAIN = 5.0, 0.25, 0.5  # seconds: for `set`, for a hand on the page, between two tries


@dataclass(frozen=True)
class Shown:
    """What a panel shows: the answer to one state, in data and in words; `replayed` when it was read from a file."""

    state: Any
    data: Any
    sentence: str
    replayed: bool = False


class Inquiry:
    """The questions put to one panel, and the one answer it shows."""

    def __init__(self, panel: Panel, start: Any):
        self.panel = panel
        self.wanted = start  # the last legal state asked for: the one shown, but for a long answer not yet run
        self.shown: Shown | None = None
        self.notice = ""  # why the picture is not that of the controls, or ""
        self.problem: BaseException | None = None  # the error behind the notice, for whoever mends panels
        self.note = ""  # said once after Restore: that the model is as it was
        self.job: Job | None = None
        self.asks_model = False  # True: stored answers no longer count
        self.closed = False
        self._tickets, self._latest = itertools.count(1), 0
        self._met: str | None = None  # the model's fingerprint when this panel first held it
        self._mutex = threading.RLock()  # guards what is shown; never held while waiting for a model

    def ask(self, state: Any, patience: float) -> None:
        """Answer `state` and show it, unless a later question has come; raises what goes wrong, having said it."""
        self._answer(state, self._ticket(), patience)

    def ask_patiently(self, state: Any, ticket: int | None = None) -> Any:
        """Answer `state` without raising; while a running cell holds the model, try again until it is free."""
        ticket = self._ticket() if ticket is None else ticket
        try:
            self._answer(state, ticket, MOUSE_PATIENCE)
        except Busy as busy:
            again = later(AGAIN, lambda: self.is_latest(ticket) and self.ask_patiently(state, ticket))
            if again and self.is_latest(ticket):
                self.say("The model is busy in a running cell. The answer comes when the cell has finished.", busy)
        except Exception:  # said already; `problem` keeps it
            return

    def is_latest(self, ticket: int) -> bool:
        return ticket == self._latest and not self.closed

    def _ticket(self) -> int:
        """Return the ticket of a new question; whatever was asked before is no longer wanted."""
        with self._mutex:
            ticket = self._latest = next(self._tickets)
            job, self.job = self.job, None
        if job is not None:
            job.cancel()
        return ticket

    def _answer(self, state: Any, ticket: int, patience: float) -> None:
        panel = self.panel
        try:
            data = None if self.asks_model else panel.stored(state)
            replayed = data is not None
            if not replayed and panel.takes_long(state):
                self.wanted = state
                self.say("Press Run to ask the model: this takes more than a second.")
                return
            if not replayed:
                with self.held(patience):
                    if not self.is_latest(ticket):
                        return
                    data = panel.compute(state)
            self._show(ticket, Shown(state, data, panel.sentence(data), replayed))
        except Exception as problem:
            if self.is_latest(ticket):
                self.say_problem(problem)
            raise

    def long(self, patience: float) -> Job:
        """Return the job that computes the wanted state and shows it."""
        panel, state, ticket = self.panel, self.wanted, self._ticket()
        before = self.shown
        if not panel.takes_long(state):
            raise BadInput("This panel answers at once: there is nothing to run.", do="panel.set(...)")

        def report(job: Job) -> None:
            if job.status == "done":
                self._show(ticket, Shown(state, job.result, panel.sentence(job.result)))
            elif job.status == "cancelled":
                kept = " The picture is the last finished one." if self.shown else ""
                kept = kept if self.shown is before else " The picture is how far it came."
                self._say_if_latest(ticket, "Cancelled." + kept)
            elif job.status == "failed":
                self.say_problem(job.problem)
            elif job.partial is not None and (self.shown is None or job.partial is not self.shown.data):
                self._show(ticket, Shown(state, job.partial, panel.sentence(job.partial)), job)
            else:
                panel.redraw()

        self.job = Job(panel.steps(state), hold=lambda: self.held(patience), report=report)
        return self.job

    def say(self, words: str, problem: BaseException | None = None) -> None:
        """Put a plain sentence into the panel; what it shows stays."""
        self.notice, self.problem = words, problem
        self.panel.redraw()

    def say_problem(self, problem: BaseException | None) -> None:
        self.say(in_words(problem), problem)

    def answer(self) -> Shown:
        """Return what is shown; the first look answers the start."""
        if self.shown is None:
            self.ask(self.wanted, PATIENCE)
        if self.shown is None:
            raise NotAvailable("This panel has not been run yet.", do="press Run, or call panel.run()")
        return self.shown

    def find(self, state: Any) -> Any:
        """Return the data that answers `state`, stored or computed, and show nothing."""
        data = None if self.asks_model else self.panel.stored(state)
        if data is None:
            with self.held(PATIENCE):
                data = self.panel.compute(state)
        return data

    @contextmanager
    def held(self, patience: float) -> Iterator[None]:
        """Hold the model's one lock, so that no edit, sweep or panel elsewhere changes it meanwhile."""
        model = self.panel.model
        if model is None:
            yield
            return
        from labkit.interventions import model_lock

        lock = model_lock(model)
        if not lock.acquire(timeout=patience):
            raise Busy(
                "The model is busy in a running cell.",
                expected=f"to have it within {patience:g} seconds",
                do="ask again when the cell has finished",
            )
        try:
            self._met = self._met or _fingerprint(model)
            yield
        finally:
            lock.release()

    def check_restored(self) -> None:
        """Say whether the model is, bit for bit, what it was when this panel first held it."""
        if self._met is None:
            stored = "These are stored numbers: no model was touched."
            self.note = stored if self.panel.has_model else "This panel makes its own models: no other was touched."
            self.panel.redraw()
            return
        with self.held(PATIENCE):
            now = _fingerprint(self.panel.model)
        if now == self._met:
            self.note = f"Everything is back, bit for bit (fingerprint {now[:8]})."
            self.panel.redraw()
        else:
            self.say("The model is not as this panel first met it: labkit.audit(model) tells what else is at work.")

    def _show(self, ticket: int, shown: Shown, job: Job | None = None) -> None:
        picture = self.panel.picture_for_page(shown)  # may fail: before anything changes
        with self._mutex:
            if not self.is_latest(ticket):
                return
            self.shown, self.wanted = shown, shown.state
            self.notice, self.note, self.problem, self.job = "", "", None, job  # a job: it still goes on
            self.panel.redraw(picture)

    def _say_if_latest(self, ticket: int, words: str) -> None:
        if self.is_latest(ticket):
            self.say(words)


def _fingerprint(model: ModelLike) -> str:
    from labkit.anatomy import fingerprint

    return fingerprint(model)


def in_words(problem: BaseException | None) -> str:
    """Return an error as plain sentences: what happened, what was expected, what to do."""
    if isinstance(problem, LabkitError):
        return " ".join(line if line.endswith((".", "?", "!")) else line + "." for line in str(problem).splitlines())
    return f"The computation failed ({type(problem).__name__}: {problem}). The picture is the last one that worked."
