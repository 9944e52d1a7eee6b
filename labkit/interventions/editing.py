"""edit, apply: make a plan's changes on a model, and take them back."""

from __future__ import annotations

import copy
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from types import TracebackType
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

from torch import nn

from labkit.anatomy import model_lock, module_of
from labkit.anatomy.reach import check_reach
from labkit.base.errors import Busy, ModelChanged, OutOfOrder
from labkit.base.interrupts import InterruptGuard, uninterruptible

from .changes import Change, ConflictingWrite, Write
from .plan import Plan

__all__ = ["Editing", "active_on", "applied_to", "apply", "edit", "undo_all"]

T = TypeVar("T")

# Who is active on which model, in the order of entry. The model's lock guards its list.
_ACTIVE: WeakKeyDictionary[nn.Module, list[Editing]] = WeakKeyDictionary()
_APPLIED = "_labkit_applied"


def edit(model: Any, *edits: Any, timeout: float | None = None) -> Editing:
    """Return a context in which `model` is changed by edits and plans, in order; it yields the model.

    On leaving, every change is taken back in reverse order, bit for bit, also after an exception or a Ctrl-C.
    All edits are checked, and all sources measured on the intact model, before anything is touched. The model's
    lock is held throughout: another thread waits, at most `timeout` seconds (default: as long as it takes).

    Raises `Busy` after that time; `OutOfOrder` when left before an edit made later (nothing changes);
    `ModelChanged` when somebody else wrote to an edited place: the model is then back as it was before the edit,
    and `error.found` holds what was there, by place.

    >>> with edit(model, DropAttention(3)):  # doctest: +SKIP
    ...     model(ids)
    """
    return Editing(model, Plan(edits), timeout)


def apply(model: Any, *edits: Any) -> Any:
    """Return a deep copy of `model` (module or handle) with the edits made for good; train on this one.

    Edits active on `model` are made on the copy too. The copy may be copied and edited again; dropped parts stay
    dropped while it lives, but are no part of what is saved to disk. `audit` tells what was applied.
    """
    module = module_of(model)
    with model_lock(module):
        earlier = [edit for active in active_on(module) for edit in active.plan]
        twin = _on_intact(module, lambda: copy.deepcopy(module))
    handle = twin if model is module else replace(model, model=twin)
    plan = Plan((earlier, edits))
    for change in [change for edit in plan for change in edit.prepare(handle)]:
        change.install()
    vars(twin)[_APPLIED] = (*applied_to(twin), *plan)
    return handle


def undo_all(model: Any) -> None:
    """Leave every edit still active on `model`, the newest first: for edits entered without `with`, and lost."""
    for editing in reversed(active_on(model)):
        editing.__exit__(None, None, None)


def active_on(model: Any) -> list[Editing]:
    """Return the edits active on `model`, oldest first."""
    return list(_ACTIVE.get(module_of(model), ()))


def applied_to(model: Any) -> tuple:
    """Return the edits that `apply` made for good on this copy."""
    return vars(module_of(model)).get(_APPLIED, ())


class Editing:
    """One use of `edit`: inactive, then active between entry and exit, then inactive again."""

    def __init__(self, model: Any, plan: Plan, timeout: float | None = None):
        self.plan, self.timeout = plan, timeout
        self._given, self._module = model, module_of(model)
        self._lock = model_lock(self._module)
        self._thread: int | None = None  # the thread that holds the lock for this edit
        self._changes: list[Change] = []
        self._laid = 0  # how many of them are in the model

    def __enter__(self) -> Any:
        if self._thread is not None:
            raise OutOfOrder("This edit is already active.", do="make a new one with labkit.edit(...)")
        self._guard = InterruptGuard()
        try:
            self._guard.install()
            self._wait_for_model()
            self._changes = self._prepared()
            self._begin()
            return self._given
        except BaseException:
            self._end()
            raise

    @uninterruptible
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._check_turn()
        self._end()

    def _wait_for_model(self) -> None:
        start = time.monotonic()
        while not self._take_lock(0.05 if self.timeout is None else min(0.05, max(0.0, self.timeout))):
            if self.timeout is not None and time.monotonic() - start >= self.timeout:
                raise Busy(
                    f"The model is in use elsewhere and was not free within {self.timeout:g} s.",
                    expected="one edit, sweep or panel at a time on a model",
                    do="wait for the other cell or panel to finish, or stop it",
                )

    @uninterruptible
    def _take_lock(self, seconds: float) -> bool:
        if self._lock.acquire(timeout=seconds):
            self._thread = threading.get_ident()
        return self._thread is not None

    def _prepared(self) -> list[Change]:
        def changes() -> list[Change]:
            return [change for edit in self.plan for change in edit.prepare(self._given)]

        prepared = _on_intact(self._module, changes) if any(edit.measures for edit in self.plan) else changes()
        if not all(isinstance(change, Write) for change in prepared):
            check_reach(self._module)
        return prepared

    @uninterruptible
    def _begin(self) -> None:
        _ACTIVE.setdefault(self._module, []).append(self)
        self.lay()

    @uninterruptible
    def _end(self) -> None:
        """Take everything back, give up the place, the lock and SIGINT; then tell what was found."""
        foreign = self.lift()
        stack = _ACTIVE.get(self._module, [])
        if self in stack:
            stack.remove(self)
        if self._thread is not None:
            self._thread = None
            self._lock.release()
        self._changes = []
        try:
            self._guard.remove()
        finally:
            _report(foreign)

    def lay(self) -> None:
        """Make the changes that are not in the model."""
        for change in self._changes[self._laid :]:
            change.install()
            self._laid += 1

    def lift(self) -> list[ConflictingWrite]:
        """Take back the changes that are in the model, the last first, and return what did not belong there."""
        foreign = []
        while self._laid:
            self._laid -= 1
            try:
                found = self._changes[self._laid].undo()
            except Exception as error:  # the others must still be taken back
                found = ConflictingWrite("", f"a place that could not be restored ({error})")
            if found is not None:
                foreign.append(found)
        return foreign

    def _check_turn(self) -> None:
        stack = active_on(self._module)
        if self not in stack:
            raise OutOfOrder("This edit is not active.", do="enter it first: with labkit.edit(model, ...):")
        if self._thread != threading.get_ident():
            raise OutOfOrder("An edit cannot be left from another thread.", expected="the thread that entered it")
        later = stack[stack.index(self) + 1 :]
        if later:
            raise OutOfOrder(
                f"{self!r} cannot be left before {', '.join(map(repr, later))}.",
                expected="edits left in the reverse of the order in which they were entered",
                do="leave the later ones first (labkit.interventions.undo_all(model) leaves them all)",
            )

    def __repr__(self) -> str:
        return f"edit({'; '.join(map(str, self.plan)) or 'nothing'})"


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
def _lift_all(active: list[Editing]) -> None:
    _report([foreign for editing in reversed(active) for foreign in editing.lift()])


@uninterruptible
def _lay_all(active: list[Editing], guard: InterruptGuard) -> None:
    for editing in active:
        editing.lay()
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
