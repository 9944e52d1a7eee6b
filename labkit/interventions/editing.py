"""edit, apply, undo_all: make a plan's changes on a model, and take them back."""

from __future__ import annotations

import copy
import warnings
import weakref
from dataclasses import replace
from types import TracebackType
from typing import TYPE_CHECKING, Any

from labkit.anatomy import model_lock, module_of
from labkit.base.errors import OutOfOrder
from labkit.base.interrupts import defers_signals, uninterruptible

from .plan import Plan
from .use import APPLIED, Use, active_on, applied_to, leave, on_intact

if TYPE_CHECKING:
    from labkit.zoo import ModelLike

__all__ = ["Editing", "apply", "edit", "undo_all"]


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
        twin = on_intact(module, lambda: copy.deepcopy(module))
    handle = twin if model is module else replace(model, model=twin)
    plan = Plan((earlier, edits))
    for change in [change for edit in plan for change in edit.prepare(handle)]:
        change.install()
    vars(twin)[APPLIED] = (*applied_to(twin), *plan)
    return handle


def undo_all(model: ModelLike) -> None:
    """Take back every edit still active on `model`, the newest first, whoever entered it.

    For edits entered without `with` and lost, left out of order, or entered by a thread that has ended or waits for
    ever; and again, for one that could not be taken back when memory was full. Who still is inside such an edit is
    told on leaving it.
    """
    leave(active_on(model))


class Editing:
    """One use of `edit`: inactive, then active between entry and exit, then inactive again.

    One that is dropped while it is active (a generator that is never finished, an error that struck on the way out)
    takes itself back and warns.
    """

    def __init__(self, model: ModelLike, plan: Plan, timeout: float | None = None):
        self.plan = plan
        self._use = Use(model, plan, timeout)

    @defers_signals
    def __enter__(self) -> Any:
        use = self._use
        if not use.open:
            use.watch = weakref.ref(self, lambda _: _take_back_dropped(use))
        return use.enter()

    @uninterruptible
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        _mark_struck(trace)
        self._use.leave()

    def __repr__(self) -> str:
        return repr(self._use)


def _mark_struck(trace: TracebackType | None) -> None:
    """Mark as left the edits in a traceback whose way out was cut short, as by an error set from another thread."""
    while trace is not None:
        given = trace.tb_frame.f_locals.get("args") if trace.tb_frame.f_code is _WAY_OUT else None
        if given and isinstance(given[0], Editing):
            given[0]._use.left = True
        trace = trace.tb_next


_WAY_OUT = Editing.__exit__.__code__  # of what makes it uninterruptible; its first argument is the edit


@uninterruptible
def _take_back_dropped(use: Use) -> None:
    try:
        leave([use])
    except OutOfOrder:  # a later edit stands on it, and takes it along when it is left
        pass
    finally:
        words = f"{use!r} was dropped without being left; it was taken back. Write: with labkit.edit(...):"
        warnings.warn(words, ResourceWarning, stacklevel=2)
