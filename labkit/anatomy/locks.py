"""One re-entrant lock per model: who edits, records or sweeps holds it, so that nobody sees a half-cut model."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TypeVar

import torch
from torch import nn

from labkit.base import locks
from labkit.base.interrupts import InterruptGuard, uninterruptible
from labkit.zoo import ModelLike, module_of

__all__ = ["in_eval_mode", "model_lock"]

T = TypeVar("T")


def model_lock(model: ModelLike) -> threading.RLock:
    """Return the one re-entrant lock of `model` (a handle or a module)."""
    return locks.lock_of(module_of(model))


def in_eval_mode(model: ModelLike, work: Callable[[nn.Module], T]) -> T:
    """Return `work(module)`, done under the model's lock, in evaluation mode and without gradients.

    Every module's mode is put back. Evaluation mode keeps dropout from drawing on the global random state. What is
    made is no tensor of inference mode, also inside of it, so that it can be used outside.
    """
    module = module_of(model)
    guard, training, gradients = InterruptGuard(), [], torch.is_grad_enabled()
    with model_lock(module), torch.inference_mode(False):
        try:
            guard.install()
            training += [part for part in module.modules() if part.training]
            _set_modes(training, False)
            torch.set_grad_enabled(False)
            return work(module)
        finally:
            _set_modes(training, True, gradients, guard)


@uninterruptible
def _set_modes(
    parts: list[nn.Module], training: bool, gradients: bool | None = None, guard: InterruptGuard | None = None
) -> None:
    for part in parts:
        part.training = training
    if gradients is not None:
        torch.set_grad_enabled(gradients)
    if guard is not None:
        guard.remove()
