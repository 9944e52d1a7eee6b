"""Heal a cut model: a minute of training for what is left of it, with the pieces every model here is trained with."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from labkit import world
from labkit.anatomy import model_lock, module_of
from labkit.base.errors import BadInput
from labkit.models import Decoder
from labkit.training import Batches, Recipe, accumulate

from .plan import Plan
from .shrinking import shrink

if TYPE_CHECKING:
    from labkit.zoo import ModelLike

__all__ = ["Healed", "heal", "healing"]

# Documents of each part of the world in a step: a little of everything a model is asked.
DIET = {"stories": 8, "choice": 4, "facts": 4, "copying": 2, "recall": 2}
_FIRST_SEED = 5000  # far from the seeds of any training


@dataclass(frozen=True)
class Healed:
    """A healed copy (handle or module, as was given), the recipe it was healed by, and one entry per step.

    An entry has step, loss (nats/token), lr, gradient (its norm), tokens and seconds so far.
    """

    model: ModelLike
    recipe: Recipe
    log: tuple[Mapping[str, float], ...]

    @property
    def losses(self) -> tuple[float, ...]:
        """The loss of each step, on documents it had not seen."""
        return tuple(entry["loss"] for entry in self.log)

    def table(self) -> str:
        """Return some ten lines of the log."""
        every = max(1, len(self.log) // 10)
        return "\n".join(
            f"step {entry['step']:>4}  loss {entry['loss']:.4f}  {entry['tokens']:>8,} tokens  {entry['seconds']:.1f} s"
            for entry in (*self.log[:-1:every], self.log[-1])
        )


def heal(
    model: ModelLike,
    plan: Any = (),
    *,
    steps: int = 60,
    lr: float = 1e-3,
    documents: Mapping[str, int] | None = None,
    seed: int = 0,
    say: Callable[[Mapping[str, float]], None] | None = None,
) -> Healed:
    """Train a copy of `model` (a decoder that reads the world), shrunk by a plan of drops, and return it with its log.

    Without a plan the copy is the whole model: what training alone would have won. documents: how many of each part
    of the world make a step. `say` receives each entry of the log. The same seed gives the same model; nothing of
    `model` changes. Raises `BadInput` for a model that does not read the world, and when the loss becomes no number.
    """
    steps_of = healing(model, plan, steps=steps, lr=lr, documents=documents, seed=seed)
    while True:
        try:
            healed = next(steps_of)
        except StopIteration as stop:
            return stop.value
        if say is not None:
            say(healed.log[-1])


def healing(
    model: ModelLike,
    plan: Any = (),
    *,
    steps: int = 60,
    lr: float = 1e-3,
    documents: Mapping[str, int] | None = None,
    seed: int = 0,
) -> Generator[Healed, None, Healed]:
    """Do what `heal` does, a step at a time: yield the copy as healed so far after each step, and return it at the end.

    It is one copy throughout, in training; what is measured in between must not change it.
    """
    module = module_of(model)
    if not isinstance(module, Decoder) or module.config.vocab != world.tokenizer().vocab_size:
        raise BadInput("Only a decoder that reads the world can be healed here.", expected="a handle of a lab model")
    with model_lock(module):
        small = shrink(model, plan) if len(Plan(plan)) else _copied(model)
    patient = module_of(small)
    diet = dict(documents or DIET)
    recipe = Recipe(
        name="heal",
        size="cpu",
        model={name: value for name, value in patient.config.as_dict().items() if name != "vocab"},
        documents=diet,
        groups=math.gcd(sum(diet.values()), 4) or 1,  # short and long documents in every step
        pool=8,
        steps=steps,
        lr=lr,
        warmup=steps // 10,
        device=str(patient.device),
    )
    log: list[dict[str, float]] = []
    for entry in _train(patient, recipe, seed):
        log.append(entry)
        yield Healed(small, recipe, tuple(log))
    patient.eval()
    return Healed(small, recipe, tuple(log))


def _copied(model: ModelLike) -> Any:
    module = module_of(model)
    twin = copy.deepcopy(module)
    return twin if model is module else replace(model, model=twin)


def _train(model: Decoder, recipe: Recipe, seed: int) -> Iterator[dict[str, float]]:
    batches = Batches(recipe, _FIRST_SEED + seed)
    # What is healed is near a minimum: weight decay would only pull it away.
    adam = torch.optim.AdamW(model.parameters(), lr=recipe.lr, betas=recipe.betas, weight_decay=0.0, fused=True)
    started, tokens = time.perf_counter(), 0
    for step in range(1, recipe.steps + 1):
        for group in adam.param_groups:
            group["lr"] = recipe.lr_at(step)
        adam.zero_grad(set_to_none=True)
        with torch.enable_grad():
            loss, read = accumulate(model, batches.at(step))
        norm = float(nn.utils.clip_grad_norm_(model.parameters(), recipe.clip))
        if not math.isfinite(loss) or not math.isfinite(norm):
            raise BadInput(f"The loss became {loss} in step {step}.", do="use a lower learning rate")
        adam.step()
        tokens += read
        entry = {"step": step, "loss": loss, "lr": recipe.lr_at(step), "gradient": norm, "tokens": tokens}
        adam.zero_grad(set_to_none=True)
        yield {**entry, "seconds": time.perf_counter() - started}
