"""Where a run stands: weights, the optimiser's averages and the step, in one safetensors file replaced as a whole."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from torch import nn

from labkit.base.errors import BrokenFile
from labkit.base.files import parsed, write_atomically
from labkit.models import read_tensors
from labkit.models.sealing import sealed

__all__ = ["read_checkpoint", "restore", "write_checkpoint"]

_AVERAGES = ("exp_avg", "exp_avg_sq")


def write_checkpoint(path: Path, model: nn.Module, optimiser: torch.optim.Optimizer, about: dict[str, Any]) -> None:
    """Write the state of a run; `about` holds plain values, among them the step."""
    tensors = {}
    for name, parameter in model.named_parameters():
        tensors[f"weight/{name}"] = parameter.detach()
        state = optimiser.state.get(parameter, {})
        for average in _AVERAGES:
            if average in state:
                tensors[f"{average}/{name}"] = state[average]
    tensors = {name: tensor.cpu().contiguous() for name, tensor in tensors.items()}
    write_atomically(path, sealed(tensors, {"about": json.dumps(about)}))


def read_checkpoint(path: Path) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    """Return the tensors and `about` of a checkpoint; raise `BrokenFile` when it is not whole, or was changed."""
    tensors, metadata = read_tensors(path)
    try:
        return tensors, parsed(metadata["about"])
    except (KeyError, ValueError) as error:
        raise BrokenFile(f"{path} is no checkpoint of a run.", expected="a file written by training") from error


def restore(
    tensors: dict[str, torch.Tensor], step: int, model: nn.Module, optimiser: torch.optim.Optimizer, path: Path
) -> None:
    """Put weights and averages back, exactly as they were."""
    for name, parameter in model.named_parameters():
        parts = [tensors.get(f"{kind}/{name}") for kind in ("weight", *_AVERAGES)]
        if any(part is None or part.shape != parameter.shape or not part.is_floating_point() for part in parts):
            raise BrokenFile(
                f"{path} lacks {name} or holds it in another shape or type.", expected="a checkpoint of this run"
            )
        with torch.no_grad():
            parameter.copy_(parts[0])
        averages = {kind: part.to(parameter.device) for kind, part in zip(_AVERAGES, parts[1:])}
        optimiser.state[parameter] = {"step": torch.tensor(float(step), device=parameter.device), **averages}
