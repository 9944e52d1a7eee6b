"""What an edit does to a model: it waits for the model, checks, makes its changes, and takes them back in order."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from itertools import starmap
from typing import TYPE_CHECKING, Any, TypeVar

from torch import nn

from labkit.anatomy import model_lock, module_of
from labkit.anatomy.reach import check_reach
from labkit.base.errors import Busy, OutOfOrder
from labkit.base.interrupts import InterruptGuard, defers_signals, deliver_held, takes_signals, uninterruptible
from labkit.base.locks import renew_lock

from .changes import Change, ConflictingWrite, Write, report, unrestored
from .plan import Plan

if TYPE_CHECKING:
    from labkit.zoo import ModelLike

__all__ = ["APPLIED", "Use", "active_on", "applied_to", "leave", "left_on", "on_intact"]

T = TypeVar("T")

_ACTIVE: list[Use] = []  # all edits in force on all models, in the order of entry
APPLIED, _EDITED, _LEFT = "_labkit_applied", "_labkit_edited", "_labkit_left"  # notes on a model, copied with it


def active_on(model: ModelLike) -> list[Use]:
    """Return the edits active on `model`, oldest first."""
    module = module_of(model)
    return [use for use in list(_ACTIVE) if use.module is module]


def applied_to(model: ModelLike) -> tuple:
    """Return the edits that `apply` made for good on this copy."""
    return vars(module_of(model)).get(APPLIED, ())


def left_on(model: ModelLike) -> tuple[str, ...]:
    """Return the edits that were active on another model while `model` was copied from it: nobody takes them back."""
    module = module_of(model)
    here = any(use.installed for use in active_on(module))
    return (*vars(module).get(_LEFT, ()), *(() if here else vars(module).get(_EDITED, ())))


class Use:
    """What an `Editing` does to a model. It knows nothing of the `Editing`, which so can be missed."""

    def __init__(self, model: ModelLike, plan: Plan, timeout: float | None):
        self.plan, self.module, self.installed = (
            plan,
            module_of(model),
            0,
        )  # installed: how many changes are in the model
        self._given, self._timeout = model, timeout
        self._lock: Any = None
        self._taken: list[bool | None] = []  # whether this edit holds it; said in the step that takes it or gives it up
        self._thread: threading.Thread | None = None  # the thread that holds the lock for this edit
        self._changes: list[Change] = []
        self._foreign: list[ConflictingWrite] = []
        self.left = self._told = self._elsewhere = self._noted = False
        self._guard = InterruptGuard()
        self.watch: Any = None  # tells, as long as the edit is open, when its `Editing` is gone

    @property
    def open(self) -> bool:
        """Whether there is something to take back."""
        return self._thread is not None

    @defers_signals
    def enter(self) -> Any:
        """Wait for the model, check and measure, and make the changes."""
        if self.open:
            raise OutOfOrder("This edit is already active.", do="make a new one with labkit.edit(...)")
        self.left = self._told = self._elsewhere = False
        self._guard = InterruptGuard()
        try:
            self._guard.install()
            self._wait_for_model()
            self._changes = self._prepared()
            _ACTIVE.append(self)
            self.install()
            deliver_held()
            return self._given
        except BaseException:
            self._finish_or_tell()
            raise

    def leave(self) -> None:
        """Take everything back, and tell what was found."""
        if not self.open:
            if self._told:  # left too early once, and taken back since
                self._told = False
                return
            raise OutOfOrder("This edit is not active.", do="enter it first: with labkit.edit(model, ...):")
        if self._thread is not threading.current_thread() and self._thread.is_alive():
            raise OutOfOrder(
                "An edit cannot be left from another thread.",
                expected="the thread that entered it",
                do="labkit.interventions.undo_all(model) takes it back from any thread",
            )
        self._told = True
        leave([self])
        self._told = False

    @takes_signals
    def _wait_for_model(self) -> None:
        start = time.monotonic()
        while not self._take_lock(0.05 if self._timeout is None else min(0.05, max(0.0, self._timeout))):
            if lost := [use for use in active_on(self.module) if not use._thread.is_alive()]:
                raise Busy(
                    f"The model is still under {lost[-1]!r}, and the thread that entered it has ended.",
                    expected="edits that are left by whoever entered them",
                    do="labkit.interventions.undo_all(model) takes it back",
                )
            if self._timeout is not None and time.monotonic() - start >= self._timeout:
                raise Busy(
                    f"The model is in use elsewhere and was not free within {self._timeout:g} s.",
                    expected="one edit, sweep or panel at a time on a model",
                    do="wait for the other cell or panel to finish, or stop it",
                )

    @uninterruptible
    def _take_lock(self, seconds: float) -> bool:
        self._lock = model_lock(self.module)
        # In one step of the interpreter: an error set from another thread strikes between two.
        self._taken[:] = map(self._lock.acquire, (True,), (seconds,))
        if self._taken == [True]:
            self._thread = threading.current_thread()
        return self.open

    @takes_signals
    def _prepared(self) -> list[Change]:
        def changes() -> list[Change]:
            return [change for edit in self.plan for change in edit.prepare(self._given)]

        prepared = on_intact(self.module, changes) if any(edit.measures for edit in self.plan) else changes()
        check_reach(self.module, by_hook=not all(isinstance(change, Write) for change in prepared))
        return prepared

    def _finish_or_tell(self) -> None:
        self.left = True
        foreign: list[ConflictingWrite] = []
        try:
            self.finish(foreign)
        finally:
            report(foreign)

    def finish(self, foreign: list[ConflictingWrite]) -> None:
        """Take everything back, give up the place, the lock and the signals. May be called again after an error."""
        foreign += self.uninstall()
        if self in _ACTIVE:
            _ACTIVE.remove(self)
        ours = self._thread in (None, threading.current_thread())
        if self._taken == [True] and ours:
            with suppress(RuntimeError):  # another thread's, left by undo_all
                self._taken[:] = starmap(self._lock.release, ((),))
        self._thread = None  # only now: what an error set from another thread cuts short before is still open
        self._elsewhere |= not ours
        if self._elsewhere:  # its lock will not be given up by the thread that took it
            if below := active_on(self.module):
                below[0]._elsewhere = True
            else:
                renew_lock(self.module)
        self._changes, self.watch = [], None
        self._guard.remove()

    def install(self) -> None:
        """Make the changes that are not in the model."""
        own = vars(self.module)
        if _EDITED in own and not any(use.installed for use in active_on(self.module)):
            own[_LEFT] = (*own.get(_LEFT, ()), *own.pop(_EDITED))  # it came with a copy
        for change in self._changes[self.installed :]:
            self.installed += 1  # before: an undo of what was not done does nothing, an edit that is not known stays
            try:
                change.install()
            except BaseException:
                self.installed -= not getattr(change, "unfinished", False)
                raise
        self._noted = self._noted or bool(self.installed)
        _mark(self.module)

    def uninstall(self) -> list[ConflictingWrite]:
        """Take back the changes that are in the model, the last first, and return what did not belong there.

        Raises `ModelChanged` where numbers could not be written back, with everything below still in place: so it
        can be tried again.
        """
        while self.installed:
            change = self._changes[self.installed - 1]
            try:
                found = change.undo()
            except Exception as error:
                if isinstance(change, Write):
                    raise unrestored(change, error) from error
                # a change of another's making: the others must still be taken back
                found = ConflictingWrite("", f"a place that could not be restored ({error})")
            self.installed -= 1
            if found is not None:
                self._foreign.append(found)
        if self._noted:  # a copy's own note stays
            _mark(self.module)
            self._noted = False
        foreign, self._foreign = self._foreign, []
        return foreign

    def above(self) -> list[Use]:
        """Return the edits made later on the same model, or on weights that another model shares with it."""
        later = list(_ACTIVE)[_ACTIVE.index(self) + 1 :] if self in _ACTIVE else []
        return [use for use in later if use.module is self.module or use._weights & self._weights]

    @property
    def _weights(self) -> set[int]:
        return {id(change.view.parameter) for change in self._changes if isinstance(change, Write)}

    def __repr__(self) -> str:
        return f"edit({'; '.join(map(str, self.plan)) or 'nothing'})"


@uninterruptible
def leave(uses: list[Use]) -> None:
    """Take back `uses`, each as soon as no later edit stands on it; tell of those that must wait."""
    foreign: list[ConflictingWrite] = []
    for use in uses:
        use.left = True
    try:
        for use in reversed(uses):
            _settle(use, foreign)
    finally:
        report(foreign)
    if waiting := [use for use in uses if use.open]:
        raise OutOfOrder(
            f"{waiting[-1]!r} cannot be left before {', '.join(map(repr, waiting[-1].above()))}.",
            expected="edits left in the reverse of the order in which they were entered",
            do="leave the later ones, and it is taken back with them "
            "(labkit.interventions.undo_all(model) leaves them all)",
        )


def _settle(use: Use, foreign: list[ConflictingWrite]) -> None:
    """Take back an edit that was left, if nothing stands on it; then those that stood below it and waited."""
    for later in reversed(use.above()):
        if later.left:
            _settle(later, foreign)
    if not use.open or not use.left or use.above():
        return
    below = [one for one in list(_ACTIVE) if one.left and use in one.above()]
    use.finish(foreign)
    for one in reversed(below):
        _settle(one, foreign)


def _mark(module: nn.Module) -> None:
    """Write on the model itself what is being done to it: a copy made meanwhile carries the note."""
    edits = tuple(str(edit) for use in active_on(module) if use.installed for edit in use.plan)
    if edits:
        vars(module)[_EDITED] = edits
    else:
        vars(module).pop(_EDITED, None)


def on_intact(module: nn.Module, work: Callable[[], T]) -> T:
    """Return `work()`, done while the edits active on `module` are taken out. The caller holds the model's lock."""
    active = active_on(module)
    guard = InterruptGuard()
    try:
        guard.install()
        _uninstall_all(active)
        return work()
    finally:
        _install_all(active, guard)


@uninterruptible
def _uninstall_all(active: list[Use]) -> None:
    foreign: list[ConflictingWrite] = []
    try:
        for use in reversed(active):
            foreign += use.uninstall()
    finally:
        report(foreign)


@uninterruptible
def _install_all(active: list[Use], guard: InterruptGuard) -> None:
    for use in active:
        use.install()
    guard.remove()
