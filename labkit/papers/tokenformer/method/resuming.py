"""After growth: what becomes of the optimiser's memory, and of the old rows.

The paper resets the optimiser and trains everything at one rate; both other ways are here, to be compared.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from labkit.base.errors import BadInput

__all__ = ["check_optimiser", "held_back", "migrate"]


def check_optimiser(optimiser: torch.optim.Optimizer, model: nn.Module) -> None:
    """Raise `BadInput` unless the optimiser moves the weights of this very model.

    A grown model is a new one: stepping the old optimiser would train the old tensors and leave it as it is.
    """
    known = {id(p) for group in optimiser.param_groups for p in group["params"]}
    if strange := [name for name, p in model.named_parameters() if id(p) not in known]:
        raise BadInput(
            f"This optimiser does not know {len(strange)} weights of the model, such as {strange[0]}.",
            expected="an optimiser made for the model as it is now",
            do="make a new one after growth; migrate(old, new, old_model, new_model) carries its memory over",
        )


@torch.no_grad()
def migrate(old: torch.optim.Optimizer, new: torch.optim.Optimizer, old_model: nn.Module, new_model: nn.Module) -> None:
    """Give the new optimiser the old one's memory: moments of old rows as they are, of new rows 0.

    Raises `BadInput` when an optimiser belongs to another model, or when a weight became smaller.
    """
    check_optimiser(old, old_model)
    check_optimiser(new, new_model)
    before = dict(old_model.named_parameters())
    for name, parameter in new_model.named_parameters():
        memory = old.state.get(before[name], {})
        new.state[parameter] = {
            key: _padded(name, value, parameter) if torch.is_tensor(value) and value.dim() else _own(value)
            for key, value in memory.items()
        }


@contextmanager
def held_back(old_model: nn.Module, new_model: nn.Module, rate: float = 0.0) -> Iterator[None]:
    """Train the rows that were there before growth at `rate` times the learning rate; 0 freezes them, bit for bit.

    Use it around one step of the optimiser, weight decay included. New rows move as the optimiser says.
    Raises `BadInput` for a rate outside 0..1.
    """
    if not 0 <= rate <= 1:
        raise BadInput(
            f"rate = {rate!r} holds nothing back.", expected="a number from 0 (frozen) to 1 (as the new rows)"
        )
    sizes = {name: p.shape[0] for name, p in old_model.named_parameters()}
    before = {name: p.detach()[: sizes[name]].clone() for name, p in new_model.named_parameters()}
    yield
    with torch.no_grad():
        for name, parameter in new_model.named_parameters():
            old_rows = parameter[: sizes[name]]
            old_rows.copy_(before[name] if rate == 0 else torch.lerp(before[name], old_rows, rate))


def _padded(name: str, moments: Tensor, parameter: Tensor) -> Tensor:
    """Return moments with zeros for new rows."""
    if any(a > b for a, b in zip(moments.shape, parameter.shape)):
        raise BadInput(f"{name} has become smaller.", expected="a model grown from the old one")
    padded = torch.zeros_like(parameter)
    padded[tuple(slice(size) for size in moments.shape)] = moments
    return padded


def _own(value):
    return value.clone() if torch.is_tensor(value) else value
