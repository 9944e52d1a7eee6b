"""A training that lives in memory: step by step before a reader's eyes, with no folder, no log and nothing to resume.

The same batches, the same loss, the same optimiser and schedule as `train`; what is not written cannot be gone on with.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch

from labkit.models import Decoder

from .batches import Batches
from .loop import optimiser_for, using_threads
from .loss import accumulate
from .recipe import Recipe

__all__ = ["LiveStep", "train_live"]


@dataclass(frozen=True)
class LiveStep:
    """One step: its number, its loss (nats a token), the tokens read so far, and the model as it now is."""

    step: int
    loss: float
    tokens: int
    model: Decoder

    @property
    def diverged(self) -> bool:
        """Whether the loss is no number any more; no step follows."""
        return not math.isfinite(self.loss)


def train_live(recipe: Recipe, seed: int = 0) -> Iterator[LiveStep]:
    """Yield every step of a training run on the CPU; the model is the caller's between two steps."""
    model = recipe.config().build(seed)
    batches, optimiser, tokens = Batches(recipe, seed), optimiser_for(recipe, model), 0
    for step in range(1, recipe.steps + 1):
        with using_threads(recipe.threads):
            for group in optimiser.param_groups:
                group["lr"] = recipe.lr_at(step)
            optimiser.zero_grad(set_to_none=True)
            loss, read = accumulate(model.train(), batches.at(step))
            torch.nn.utils.clip_grad_norm_(model.parameters(), recipe.clip)
            optimiser.step()
        tokens += read
        done = LiveStep(step, loss, tokens, model.eval())
        yield done
        if done.diverged:
            return
