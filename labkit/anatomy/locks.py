"""One re-entrant lock per model: who edits, records or sweeps holds it, so that nobody sees a half-cut model."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import ExitStack
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
    module, guard = module_of(model), InterruptGuard()
    training: list[nn.Module] = []
    with model_lock(module):
        state = ExitStack()
        try:
            guard.install()
            _enter(module, training, state)
            return work(module)
        finally:
            _leave(training, state, guard)


@uninterruptible
def _enter(module: nn.Module, training: list[nn.Module], state: ExitStack) -> None:
    training += [part for part in module.modules() if part.training]
    for part in training:
        part.training = False
    state.enter_context(torch.inference_mode(False))  # its end puts back whether there are gradients, too
    torch.set_grad_enabled(False)


@uninterruptible
def _leave(training: list[nn.Module], state: ExitStack, guard: InterruptGuard) -> None:
    for part in training:
        part.training = True
    state.close()
    guard.remove()
