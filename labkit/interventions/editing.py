"""edit, apply: make a plan's changes on a model, and take them back."""

from __future__ import annotations

import copy
import threading
import time
import warnings
import weakref
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from itertools import starmap
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeVar

from torch import nn

from labkit.anatomy import model_lock, module_of
from labkit.anatomy.reach import check_reach
from labkit.base.errors import Busy, ModelChanged, OutOfOrder
from labkit.base.interrupts import InterruptGuard, breakable, deliver_held, unbroken, uninterruptible
from labkit.base.locks import renew_lock

from .changes import Change, ConflictingWrite, Write
from .plan import Plan

if TYPE_CHECKING:
    from labkit.zoo import ModelLike

__all__ = ["Editing", "active_on", "applied_to", "apply", "edit", "left_on", "undo_all"]

T = TypeVar("T")

_ACTIVE: list[Use] = []  # all edits in force on all models, in the order of entry
_APPLIED, _EDITED, _LEFT = "_labkit_applied", "_labkit_edited", "_labkit_left"  # notes on a model, copied with it


def edit(model: ModelLike, *edits: Any, timeout: float | None = None) -> Editing:
    """Return a context in which `model` is changed by edits and plans, in order; it yields the model.

    On leaving, every change is taken back in reverse order, bit for bit, also after an exception or a Ctrl-C.
    All edits are checked, and all sources measured on the intact model, before anything is touched. The model's
    lock is held throughout: another thread waits, at most `timeout` seconds (default: as long as it takes).

    Raises `BadInput` for a model on which an edit would not decide what is computed; `Busy` after that time;
    `OutOfOrder` when left before an edit made later (it is taken back as soon as that one is left);
    `ModelChanged` when somebody else wrote to an edited place: the model is then back as it was before the edit,
    and `error.found` holds what was there, by place. Where memory is too full to write the old numbers back, the
    same error says so: the edit stays, and `undo_all` tries again.

    >>> model = labkit.load("lab/tiny")
    >>> with labkit.edit(model, labkit.DropAttention(1)):
    ...     print(labkit.audit(model))
    Active edits, oldest first:
      drop attention of layer 1
    >>> print(labkit.audit(model))
    Nothing is edited, and nobody else's hooks or overrides are attached.
    """
    return Editing(model, Plan(edits), timeout)


def apply(model: ModelLike, *edits: Any) -> Any:
    """Return a deep copy of `model` (module or handle) with the edits made for good; train on this one.

    Edits active on `model` are made on the copy too. The copy may be copied and edited again; dropped parts stay
    dropped while it lives, but are no part of what is saved to disk. `audit` tells what was applied.

    >>> model = labkit.load("lab/tiny")
    >>> copy = labkit.apply(model, labkit.ZeroWeight("layers.0.mlp.down[12, 0]"))
    >>> labkit.view(copy, "layers.0.mlp.down[12, 0]").read(), labkit.view(model, "layers.0.mlp.down[12, 0]").read()
    (tensor(0.), tensor(-0.0649))
    """
    module = module_of(model)
    with model_lock(module):
        earlier = [edit for use in active_on(module) for edit in use.plan]
        twin = _on_intact(module, lambda: copy.deepcopy(module))
    handle = twin if model is module else replace(model, model=twin)
    plan = Plan((earlier, edits))
    for change in [change for edit in plan for change in edit.prepare(handle)]:
        change.install()
    vars(twin)[_APPLIED] = (*applied_to(twin), *plan)
    return handle


def undo_all(model: ModelLike) -> None:
    """Take back every edit still active on `model`, the newest first, whoever entered it.

    For edits entered without `with` and lost, left out of order, or entered by a thread that has ended or waits for
    ever; and again, for one that could not be taken back when memory was full. Who still is inside such an edit is
    told on leaving it.
    """
    _leave(active_on(model))


def active_on(model: ModelLike) -> list[Use]:
    """Return the edits active on `model`, oldest first."""
    module = module_of(model)
    return [use for use in list(_ACTIVE) if use.module is module]


def applied_to(model: ModelLike) -> tuple:
    """Return the edits that `apply` made for good on this copy."""
    return vars(module_of(model)).get(_APPLIED, ())


def left_on(model: ModelLike) -> tuple[str, ...]:
    """Return the edits that were active on another model while `model` was copied from it: nobody takes them back."""
    module = module_of(model)
    here = any(use.laid for use in active_on(module))
    return (*vars(module).get(_LEFT, ()), *(() if here else vars(module).get(_EDITED, ())))


class Editing:
    """One use of `edit`: inactive, then active between entry and exit, then inactive again.

    One that is dropped while it is active (a generator that is never finished, an error that struck on the way out)
    takes itself back and warns.
    """

    def __init__(self, model: ModelLike, plan: Plan, timeout: float | None = None):
        self.plan = plan
        self._use = Use(model, plan, timeout)

    @unbroken
    def __enter__(self) -> Any:
        use = self._use
        if not use.open:
            use.watch = weakref.ref(self, lambda _: _take_back_dropped(use))
        return use.enter()

    @uninterruptible
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._use.leave()

    def __repr__(self) -> str:
        return repr(self._use)


class Use:
    """What an `Editing` does to a model. It knows nothing of the `Editing`, which so can be missed."""

    def __init__(self, model: ModelLike, plan: Plan, timeout: float | None):
        self.plan, self.module, self.laid = plan, module_of(model), 0  # laid: how many changes are in the model
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

    @unbroken
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
            self.lay()
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
        _leave([self])
        self._told = False

    @breakable
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

    @breakable
    def _prepared(self) -> list[Change]:
        def changes() -> list[Change]:
            return [change for edit in self.plan for change in edit.prepare(self._given)]

        prepared = _on_intact(self.module, changes) if any(edit.measures for edit in self.plan) else changes()
        check_reach(self.module, by_hook=not all(isinstance(change, Write) for change in prepared))
        return prepared

    def _finish_or_tell(self) -> None:
        self.left = True
        foreign: list[ConflictingWrite] = []
        try:
            self.finish(foreign)
        finally:
            _report(foreign)

    def finish(self, foreign: list[ConflictingWrite]) -> None:
        """Take everything back, give up the place, the lock and the signals. May be called again after an error."""
        foreign += self.lift()
        if self in _ACTIVE:
            _ACTIVE.remove(self)
        thread, self._thread = self._thread, None
        if self._taken == [True] and thread in (None, threading.current_thread()):
            with suppress(RuntimeError):  # another thread's, left by undo_all
                self._taken[:] = starmap(self._lock.release, ((),))
        self._elsewhere |= thread not in (None, threading.current_thread())
        if self._elsewhere:  # its lock will not be given up by the thread that took it
            if below := active_on(self.module):
                below[0]._elsewhere = True
            else:
                renew_lock(self.module)
        self._changes, self.watch = [], None
        self._guard.remove()

    def lay(self) -> None:
        """Make the changes that are not in the model."""
        own = vars(self.module)
        if _EDITED in own and not any(use.laid for use in active_on(self.module)):
            own[_LEFT] = (*own.get(_LEFT, ()), *own.pop(_EDITED))  # it came with a copy
        for change in self._changes[self.laid :]:
            self.laid += 1  # before: an undo of what was not done does nothing, an edit that is not known stays
            try:
                change.install()
            except BaseException:
                self.laid -= not getattr(change, "unfinished", False)
                raise
        self._noted = self._noted or bool(self.laid)
        _mark(self.module)

    def lift(self) -> list[ConflictingWrite]:
        """Take back the changes that are in the model, the last first, and return what did not belong there.

        Raises `ModelChanged` where numbers could not be written back, with everything below still in place: so it
        can be tried again.
        """
        while self.laid:
            change = self._changes[self.laid - 1]
            try:
                found = change.undo()
            except Exception as error:
                if isinstance(change, Write):
                    raise _unrestored(change, error) from error
                # a change of another's making: the others must still be taken back
                found = ConflictingWrite("", f"a place that could not be restored ({error})")
            self.laid -= 1
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
def _leave(uses: list[Use]) -> None:
    """Take back `uses`, each as soon as no later edit stands on it; tell of those that must wait."""
    foreign: list[ConflictingWrite] = []
    for use in uses:
        use.left = True
    try:
        for use in reversed(uses):
            _settle(use, foreign)
    finally:
        _report(foreign)
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


@uninterruptible
def _take_back_dropped(use: Use) -> None:
    try:
        _leave([use])
    except OutOfOrder:  # a later edit stands on it, and takes it along when it is left
        pass
    finally:
        words = f"{use!r} was dropped without being left; it was taken back. Write: with labkit.edit(...):"
        warnings.warn(words, ResourceWarning, stacklevel=2)


def _mark(module: nn.Module) -> None:
    """Write on the model itself what is being done to it: a copy made meanwhile carries the note."""
    edits = tuple(str(edit) for use in active_on(module) if use.laid for edit in use.plan)
    if edits:
        vars(module)[_EDITED] = edits
    else:
        vars(module).pop(_EDITED, None)


def _on_intact(module: nn.Module, work: Callable[[], T]) -> T:
    """Return `work()`, done while the edits active on `module` are lifted. The caller holds the model's lock."""
    active = active_on(module)
    guard = InterruptGuard()
    try:
        guard.install()
        _lift_all(active)
        return work()
    finally:
        _lay_all(active, guard)


@uninterruptible
def _lift_all(active: list[Use]) -> None:
    foreign: list[ConflictingWrite] = []
    try:
        for use in reversed(active):
            foreign += use.lift()
    finally:
        _report(foreign)


@uninterruptible
def _lay_all(active: list[Use], guard: InterruptGuard) -> None:
    for use in active:
        use.lay()
    guard.remove()


def _report(foreign: list[ConflictingWrite]) -> None:
    if not foreign:
        return
    error = ModelChanged(
        f"Something else changed {'; '.join(item.what for item in foreign)} while it was edited.",
        expected="what the edit itself had put there",
        do="the model is back as it was before the edit; error.found holds what was found. "
        "To train an edited model, use labkit.apply, which returns a copy",
    )
    error.found = {item.where: item.found for item in foreign}
    raise error


def _unrestored(change: Write, error: Exception) -> ModelChanged:
    told = ModelChanged(
        f"{change.view.address} could not be written back ({(str(error) or type(error).__name__).splitlines()[0]}): "
        "the model is still edited.",
        expected="room to write the old numbers, which are kept",
        do="free some memory, then labkit.interventions.undo_all(model)",
    )
    told.found = {}
    return told
