"""Hooks are no part of a model's weights: who writes weights to a file refuses a model that has some."""

from __future__ import annotations

from typing import Any

from .errors import BadInput

__all__ = ["refuse_hooked"]


def refuse_hooked(model: Any) -> None:
    """Raise `BadInput` when a module of `model` has a hook on its pass, as a copy made by `labkit.apply` may."""
    for name, module in model.named_modules():
        if module._forward_hooks or module._forward_pre_hooks:
            raise BadInput(
                f"{name or 'The model'} has a hook, which may change what it computes: a file of weights cannot say.",
                expected="a model without hooks",
                do="remove the hook: handle.remove(); or save the plan that put it there: plan.save(path)",
            )
