"""fit: the training loop for small experiments, whose batches and loss are a function of the step.

The same optimiser, schedule and clipping as `train`, for models and tasks that are no recipe on the world: a paper's
toy in a minute, an expert in seconds. Nothing is written; `Runs` keeps what many such runs found.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from labkit.base.errors import BadInput

from .loop import using_threads

__all__ = ["Fit", "Fitted", "fit", "parameter_groups"]


@dataclass(frozen=True, kw_only=True)
class Fit:
    """How a model is fitted: AdamW with warm-up and cosine.

    lr: the highest learning rate. warmup: steps up to it. last_lr: where the cosine ends, as a share of it.
    weight_decay: of matrices only. clip: norm of the whole gradient (math.inf: none).
    scales: a part of a parameter's name -> the factor on its learning rate; such parameters do not decay.
    Raises `BadInput` naming the field that cannot be.
    """

    steps: int
    lr: float
    warmup: int = 0
    last_lr: float = 0.05
    betas: tuple[float, float] = (0.9, 0.98)
    weight_decay: float = 0.05
    clip: float = 1.0
    threads: int = 1
    scales: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not isinstance(self.steps, int) or self.steps < 1 or not 0 <= self.warmup <= self.steps:
            raise BadInput(
                f"steps = {self.steps!r}, warmup = {self.warmup!r}.", expected="0 <= warmup <= steps, steps from 1"
            )
        if not 0 < self.lr < math.inf or not 0 <= self.last_lr <= 1 or not self.clip > 0 or self.weight_decay < 0:
            raise BadInput(
                f"lr = {self.lr}, last_lr = {self.last_lr}, clip = {self.clip}, weight_decay = {self.weight_decay}.",
                expected="lr and clip above 0, last_lr from 0 to 1, weight_decay at least 0",
            )

    def lr_at(self, step: int) -> float:
        """Return the learning rate of step 1 … steps."""
        if step <= self.warmup:
            return self.lr * step / self.warmup
        through = (step - self.warmup) / max(1, self.steps - self.warmup)
        return self.lr * (self.last_lr + (1 - self.last_lr) * 0.5 * (1 + math.cos(math.pi * through)))


@dataclass(frozen=True)
class Fitted:
    """How a fit went: `loss[i]` is that of step i + 1; `diverged` when it ended in a loss that is no number."""

    loss: tuple[float, ...]
    seconds: float
    diverged: bool = False

    def last(self, share: float = 0.1) -> float:
        """Return the mean of the last share of the losses."""
        tail = self.loss[-max(1, round(share * len(self.loss))) :]
        return sum(tail) / len(tail)


def fit(
    model: nn.Module,
    loss_at: Callable[[nn.Module, int], Tensor],
    settings: Fit,
    *,
    parameters: Iterable[tuple[str, nn.Parameter]] | None = None,
    watch: Callable[[int, float], Any] | None = None,
) -> Fitted:
    """Train `model` in place and return how it went; it is left in evaluation mode.

    `loss_at(model, step)` returns the loss of step 1 … steps as a scalar: it draws its own batch, from the step alone,
    so that two arms see the same data. parameters: what is trained (default: all that requires a gradient).
    `watch(step, loss)` is called after each step; returning True ends the fit.
    """
    named = list(model.named_parameters() if parameters is None else parameters)
    groups = parameter_groups(named, settings)
    if not groups:
        raise BadInput(
            "Nothing in this model can be trained.", expected="at least one parameter that requires a gradient"
        )
    optimiser = torch.optim.AdamW(groups, lr=settings.lr, betas=settings.betas)
    trained = [p for group in groups for p in group["params"]]
    losses: list[float] = []
    started = time.perf_counter()
    with using_threads(settings.threads):
        for step in range(1, settings.steps + 1):
            model.train()
            for group in optimiser.param_groups:
                group["lr"] = settings.lr_at(step) * group["scale"]
            optimiser.zero_grad(set_to_none=True)
            loss = loss_at(model, step)
            losses.append(loss.item())
            if not math.isfinite(losses[-1]):
                return Fitted(tuple(losses), time.perf_counter() - started, diverged=True)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(trained, settings.clip)
            optimiser.step()
            if watch is not None:
                model.eval()
                if watch(step, losses[-1]) is True:
                    break
    model.eval()
    return Fitted(tuple(losses), time.perf_counter() - started)


def parameter_groups(named: Iterable[tuple[str, nn.Parameter]], settings: Fit) -> list[dict[str, Any]]:
    """Return AdamW's groups: matrices that decay, what does not, and one group for each scaled learning rate."""
    groups: dict[tuple[float, float], list[nn.Parameter]] = {}
    for name, parameter in named:
        if not parameter.requires_grad:
            continue
        scale = next((factor for part, factor in settings.scales.items() if part in name), None)
        decay = settings.weight_decay if scale is None and parameter.dim() > 1 else 0.0
        groups.setdefault((1.0 if scale is None else scale, decay), []).append(parameter)
    return [{"params": held, "weight_decay": decay, "scale": scale} for (scale, decay), held in groups.items()]
