"""Where numbers stop being numbers: the first part of a model whose output is NaN or infinite."""

from __future__ import annotations

import re
from contextlib import suppress
from typing import Any

import torch
from torch import Tensor, nn

__all__ = ["where_not_finite"]


class _Found(Exception):
    """Ends the pass: nothing after the first such place is of interest."""


@torch.no_grad()
def where_not_finite(model: nn.Module, input_ids: Tensor) -> str:
    """Run `model` on token ids [B, L] and say in which part an output that is no number first appears.

    Such as "layer 1, mlp.down". The pass ends there. Of the model only hooks are used, which go again, and its mode,
    which is put back.
    """
    handles, found, training = [], [], [part for part in model.modules() if part.training]

    def look(name: str) -> Any:
        def hook(module: nn.Module, args: Any, output: Any) -> None:
            if not all(tensor.isfinite().all() for tensor in _tensors(output)):
                found.append((name, module))
                raise _Found

        return hook

    try:
        for part in training:
            part.training = False
        for name, module in model.named_modules():
            handles.append(module.register_forward_hook(look(name)))
        with suppress(_Found):
            model(input_ids, use_cache=False)
    finally:
        for handle in handles:
            handle.remove()
        for part in training:
            part.training = True
    if not found:
        return "no part of it alone: each gave finite numbers when it was run again"
    name, module = found[0]
    if "forward" in vars(module):  # a sweep goes on from streams that it kept
        return f"what stands in for {_place(name)} in this pass"
    broken = [of for of, weight in module.named_parameters(recurse=False) if not weight.isfinite().all()]
    return _place(name) + (f", whose {broken[0]} itself holds them" if broken else "")


def _place(name: str) -> str:
    """Return a module's path in words: "trunk.blocks.1.mlp.mixer.down" is in layer 1."""
    match = re.fullmatch(r"(?:.*?\.)?(\d+)(?:\.(.*))?", name)
    if match is None:
        return name or "the model as a whole"
    return f"layer {match[1]}" + (f", {match[2]}" if match[2] else "")


def _tensors(output: Any) -> list[Tensor]:
    """Return the tensors of real numbers in what a module gave: itself, or in a tuple, a table, a state."""
    if isinstance(output, Tensor):
        return [output] if output.is_floating_point() else []
    if isinstance(output, dict):
        output = tuple(output.values())
    if isinstance(output, tuple | list):
        return [tensor for part in output for tensor in _tensors(part)]
    stream = getattr(output, "stream", None)
    return _tensors(stream) if stream is not None else []
