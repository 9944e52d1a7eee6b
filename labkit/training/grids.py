"""A grid of runs: recipes × learning rates × seeds, each a logged run of its own, resumed where it stopped.

Runs of one seed read the same documents in the same order and start from the same draws, so that two recipes can be
compared pair by pair. A run that diverges is recorded and the grid goes on.
"""

from __future__ import annotations

import multiprocessing
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from labkit.base.errors import BadInput, unknown

from .curves import Curves, collect
from .log import Log
from .loop import train
from .recipe import Recipe, read_recipe

__all__ = ["Trial", "grid", "run_grid"]


@dataclass(frozen=True)
class Trial:
    """One run of a grid and the folder it lives in."""

    recipe: Recipe
    seed: int
    folder: Path

    @property
    def status(self) -> str:
        """How its log ends: finished, diverged, or unfinished (also: not begun)."""
        events = [entry["event"] for entry in Log(self.folder / "log.jsonl").entries()]
        return next((event for event in reversed(events) if event in ("finished", "diverged")), "unfinished")


def grid(
    recipes: Iterable[str | Path | Recipe],
    *,
    size: str = "cpu",
    lrs: Sequence[float] | None = None,
    seeds: Sequence[int] = (0,),
    steps: int | None = None,
    changes: Mapping[str, Any] | None = None,
    out: str | Path = "runs/grid",
) -> list[Trial]:
    """Return the trials, all recipes of one seed and learning rate together; a wrong recipe is told before any runs.

    lrs: learning rates in place of each recipe's own. steps: another length; the warm-up shrinks with it.
    changes: other fields for all of them, such as {"model.depth": 40}; they become part of the recipes' names.
    """
    read = [recipe if isinstance(recipe, Recipe) else read_recipe(recipe, size) for recipe in recipes]
    if not read or not seeds:
        raise BadInput("A grid was asked of nothing.", expected="at least one recipe and one seed")
    read = [_changed(recipe, changes or {}) for recipe in read]
    if steps is not None:
        read = [_shortened(recipe, steps) for recipe in read]
    trials = []
    for seed in seeds:
        for lr in lrs or (None,):
            for recipe in read:
                chosen = recipe if lr is None else replace(recipe, lr=lr)
                name = f"{recipe.name}-{recipe.size}-{recipe.steps}-lr{chosen.lr:g}-{seed}"
                trials.append(Trial(chosen, seed, Path(out) / re.sub(r"[^\w.=-]", "-", name)))
    if len({trial.folder for trial in trials}) < len(trials):
        raise BadInput("Two runs of this grid are the same.", expected="each recipe, learning rate and seed once")
    return trials


def run_grid(
    trials: Sequence[Trial], *, jobs: int = 1, say: Callable[[Trial, str, dict[str, Any]], None] | None = None
) -> Curves:
    """Run what is not yet finished or diverged and return all curves.

    jobs: processes at a time, of one thread each (as the recipes say). say(trial, event, entry): with one job, every
    entry of the logs; with more, the end of each run. Interrupted, it goes on where it was when called again; do not
    call it twice at once on the same folder.
    """
    say = say or (lambda trial, event, entry: None)
    todo = [trial for trial in trials if trial.status == "unfinished"]
    if jobs == 1:
        for trial in todo:
            train(
                trial.recipe,
                seed=trial.seed,
                out=trial.folder,
                say=lambda entry, trial=trial: say(trial, entry["event"], entry),
            )
    else:
        with ProcessPoolExecutor(jobs, mp_context=multiprocessing.get_context("spawn")) as pool:
            running = {pool.submit(_run, trial): trial for trial in todo}
            for done in as_completed(running):
                say(running[done], done.result(), {})
    return collect([trial.folder for trial in trials])


def _run(trial: Trial) -> str:
    return train(trial.recipe, seed=trial.seed, out=trial.folder).status


def _changed(recipe: Recipe, changes: Mapping[str, Any]) -> Recipe:
    allowed = [field.name for field in fields(Recipe) if field.name not in ("name", "size", "model")]
    name, model, others = recipe.name, dict(recipe.model), {}
    for key, value in changes.items():
        inside, _, field = key.rpartition(".")
        if inside == "model":  # what is no field of the model's config is refused there
            model[field] = value
        elif key in allowed:
            others[key] = value
        else:
            raise unknown("field of a recipe", key, [*allowed, "model.depth"])
        name += f" {field}={value}"
    return replace(recipe, name=name, model=model, **others)  # at once: width and heads go together


def _shortened(recipe: Recipe, steps: int) -> Recipe:
    warmup = max(1, round(recipe.warmup * steps / recipe.steps)) if recipe.warmup else 0
    keep = tuple(step for step in recipe.keep if step <= steps)
    return replace(recipe, steps=steps, warmup=min(warmup, steps), keep=keep, log_every=min(recipe.log_every, steps))
