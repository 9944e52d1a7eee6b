"""Whether an edit would reach what runs: what stands between a module and its pass is named, never silently skipped."""

from __future__ import annotations

import torch
from torch import nn

from labkit.base.errors import BadInput

__all__ = ["check_reach", "unwrapping"]


def unwrapping(model: nn.Module) -> str:
    """Return what to do where a model is not one itself, but stands around one."""
    if hasattr(model, "_orig_mod"):
        return "edit what torch.compile was given: model._orig_mod"
    if type(model).__module__.startswith("peft."):
        return "model = model.merge_and_unload()"
    if isinstance(getattr(model, "module", None), nn.Module):
        return "edit what it was made around: model.module"
    return "load it with labkit.load or transformers' AutoModelForCausalLM"


def check_reach(model: nn.Module, *, by_hook: bool = True) -> None:
    """Raise `BadInput` when an edit of `model` would not decide what it computes.

    Named are: a compiled model, or a compiled part of one, which runs code made from the model as it was (by_hook:
    what is written into its weights does reach it); adapters of PEFT, beside which a weight is no longer what is
    multiplied; weights that are moved in at each call; a training pass with checkpointing, whose second run comes
    when the edit has left.
    """
    for name, module in model.named_modules():
        where = f"{name} of the model" if name else "The model"
        if by_hook and getattr(module, "_compiled_call_impl", None) is not None:
            raise BadInput(
                f"{where} is compiled: it runs code made before the edit, and hooks are passed over.",
                expected="a model as it was before model.compile()",
                do="load it again and edit that; compile a copy made by labkit.apply afterwards",
            )
        if by_hook and isinstance(module, torch.jit.ScriptModule):
            raise BadInput(
                f"{where} is a script of TorchScript: it runs its own code, and hooks are passed over.",
                expected="the model it was made from",
                do="edit the model before torch.jit.script or trace",
            )
        if type(module).__module__.startswith("peft."):
            raise BadInput(
                f"{where} is wrapped by PEFT ({type(module).__name__}): it computes with more than its weights.",
                expected="a plain model",
                do="model = model.merge_and_unload()",
            )
        if getattr(module, "_hf_hook", None) is not None:
            raise BadInput(
                f"{where} is offloaded: its weights are moved in at each call.",
                expected="a model whose weights stay in memory",
                do="load it whole, without device_map, or a smaller one",
            )
        if module.training and getattr(module, "gradient_checkpointing", False):
            raise BadInput(
                f"{where} trains with gradient checkpointing: its second pass would run when the edit has left.",
                expected="a model without checkpointing, or one that is not training",
                do="model.gradient_checkpointing_disable(), or train a copy made by labkit.apply",
            )
