"""Recipes: everything that decides a training run but its seed, as data.

A recipe file is TOML: fields common to all sizes, then a table [cpu] (minutes to an hour on two cores) and a table
[gpu] (minutes on one data-centre GPU) with the fields in which that size differs. `like` names another recipe, from
which everything is taken that the file does not say.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from labkit import world
from labkit.base import toml
from labkit.base.errors import BadInput, unknown
from labkit.base.papers import papers
from labkit.models import DecoderConfig

__all__ = ["SIZES", "Hold", "Recipe", "differences", "read_recipe", "recipes"]

SIZES = ("cpu", "gpu")


def _folders() -> list[Path]:
    """Return where recipes lie: the spine's own, and those of each paper."""
    return [Path(__file__).parent / "recipes", *(paper.folder / "recipes" for paper in papers().values())]


@dataclass(frozen=True, kw_only=True)
class Hold:
    """What is held while a model trains: `amount` at the first token, `level` at every token (see `planting.py`).

    weight: the value of the one weight that is to carry the amount in the end.
    """

    amount: float
    level: float
    weight: float

    def __post_init__(self) -> None:
        for name, value in asdict(self).items():
            if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < math.inf:
                raise BadInput(f"hold.{name} = {value!r}.", expected="a number above 0")


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """One training run's settings.

    model: fields of a `DecoderConfig`, without vocab (the world's tokenizer decides it).
    documents: how many documents of each part of the world make one step.
    start: the recipe whose finished run, of the same size and seed, this one goes on from ("": from fresh weights).
    steps, lr, warmup: optimiser steps, highest learning rate, steps of linear warm-up; then a cosine down to
    `last_lr` times the highest. betas, weight_decay (matrices only), clip (norm of the whole gradient): AdamW's.
    groups: in how many groups of nearly equal length a step's documents are computed.
    pool: documents are sorted by length within this many steps. keep: steps whose weights stay on disk.
    log_every, save_every: steps between lines of the log, between checkpoints.
    hold: a `Hold`'s fields, when an activation is to be held in training and compiled into one weight; else nothing.

    Raises `BadInput` naming the field that cannot be.
    """

    name: str
    size: str
    model: Mapping[str, Any]
    documents: Mapping[str, int]
    steps: int
    lr: float
    about: str = ""
    start: str = ""
    device: str = "cpu"
    threads: int = 1
    warmup: int = 100
    last_lr: float = 0.05
    betas: tuple[float, float] = (0.9, 0.98)
    weight_decay: float = 0.05
    clip: float = 1.0
    groups: int = 4
    pool: int = 16
    log_every: int = 20
    save_every: int = 200
    keep: tuple[int, ...] = ()
    world: str = field(default=world.VERSION)
    hold: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "betas", tuple(self.betas))
        object.__setattr__(self, "keep", tuple(self.keep))
        self._check_counts()
        if not 0 < self.lr < math.inf or not 0 <= self.last_lr <= 1 or not self.clip > 0 or self.weight_decay < 0:
            raise BadInput(
                f"lr = {self.lr}, last_lr = {self.last_lr}, clip = {self.clip}, weight_decay = {self.weight_decay}.",
                expected="lr and clip above 0, last_lr from 0 to 1, weight_decay at least 0",
            )
        if len(self.betas) != 2 or not all(0 <= beta < 1 for beta in self.betas):
            raise BadInput(f"betas = {self.betas}.", expected="two numbers from 0 to below 1")
        if any(not 0 < step <= self.steps for step in self.keep):
            raise BadInput(f"keep = {self.keep}.", expected=f"steps from 1 to {self.steps}")
        if self.world != world.VERSION:
            raise BadInput(
                f"{self.name} is a recipe for version {self.world} of the world.",
                expected=f"version {world.VERSION}, the one installed",
                do="install the labkit it was written for, or set its world to the new version and train anew",
            )
        self._check_hold()
        self.config()  # shapes are told now, not an hour later

    def _check_counts(self) -> None:
        for name in ("steps", "groups", "pool", "log_every", "save_every", "threads"):
            value = getattr(self, name)
            if not isinstance(value, int) or value < 1:
                raise BadInput(f"{name} = {value!r}.", expected="a whole number of at least 1")
        if not isinstance(self.warmup, int) or not 0 <= self.warmup <= self.steps:
            raise BadInput(f"warmup = {self.warmup!r}.", expected=f"a whole number from 0 to steps = {self.steps}")
        for part, count in self.documents.items():
            if part not in world.PARTS:
                raise unknown("part of the world", part, world.PARTS)
            if not isinstance(count, int) or count < 0:
                raise BadInput(f"documents.{part} = {count!r}.", expected="a whole number of at least 0")
        if self.documents_per_step < 1 or self.documents_per_step % self.groups:
            raise BadInput(
                f"{self.documents_per_step} documents a step cannot be split into groups = {self.groups}.",
                expected="a multiple of groups, at least 1",
            )

    def _check_hold(self) -> None:
        if not self.hold:
            return
        toml.check_keys(self.hold, [f.name for f in fields(Hold)], f"hold of {self.name}")
        missing = {f.name for f in fields(Hold)} - set(self.hold)
        if missing or self.keep or not self.start:
            raise BadInput(
                f"{self.name} holds an activation with {len(self.hold)} settings, keep = {list(self.keep)} and "
                f"start = {self.start!r}.",
                expected="amount, level and weight; no steps to keep (half-way nothing is planted); a recipe to start",
            )
        Hold(**self.hold)

    @property
    def documents_per_step(self) -> int:
        """How many documents one step reads."""
        return sum(self.documents.values())

    def config(self) -> DecoderConfig:
        """Return the model's config, sized for the world's tokenizer; raise `BadInput` where a field is missing."""
        try:
            return DecoderConfig.from_dict({"vocab": world.tokenizer().vocab_size, **self.model})
        except TypeError as error:  # a field without a default is not there, or holds a value of another type
            raise BadInput(
                f"{self.name} describes no model: {str(error).split('() ')[-1]}.", expected="a value for each field"
            ) from error

    def lr_at(self, step: int) -> float:
        """Return the learning rate of step 1 … steps."""
        if step <= self.warmup:
            return self.lr * step / self.warmup
        through = (step - self.warmup) / max(1, self.steps - self.warmup)
        return self.lr * (self.last_lr + (1 - self.last_lr) * 0.5 * (1 + math.cos(math.pi * through)))

    def as_dict(self) -> dict[str, Any]:
        """Return the fields as a table that TOML and JSON can hold."""
        table = asdict(self)
        if not table["hold"]:  # told only where there is one, so that runs begun before there was any go on
            del table["hold"]
        return {**table, "betas": list(self.betas), "keep": list(self.keep)}


def recipes() -> list[str]:
    """Return the names of the recipes that come with labkit."""
    found = [(folder, path) for folder in _folders() for path in folder.rglob("*.toml")]
    return sorted(path.relative_to(folder).with_suffix("").as_posix() for folder, path in found)


def read_recipe(name: str | Path, size: str = "cpu") -> Recipe:
    """Return the recipe called `name` (or in the file `name`) in one of its sizes."""
    if size not in SIZES:
        raise unknown("size of a recipe", size, SIZES)
    path = _path(name)
    table, allowed = _completed(toml.read(path), path), {f.name for f in fields(Recipe)} - {"size"}
    toml.check_keys(table, allowed | set(SIZES), str(path))
    if size not in table:
        raise BadInput(f"{path} has no size {size}.", expected=f"a table [{size}]")
    toml.check_keys(table[size], allowed, f"{path}, table [{size}]")
    common = {key: value for key, value in table.items() if key not in SIZES}
    missing = {"name", "model", "documents", "steps", "lr"} - set(common) - set(table[size])
    if missing:
        raise BadInput(f"{path} says nothing about {', '.join(sorted(missing))}.", expected="a value for each of them")
    return Recipe(size=size, **_merged(common, table[size]))


def differences(old: Mapping[str, Any], new: Mapping[str, Any], prefix: str = "") -> list[str]:
    """Return one line for each entry in which two tables differ: `lr: 0.003 → 0.002`."""
    lines = []
    for key in sorted({*old, *new}):
        before, after = old.get(key), new.get(key)
        if isinstance(before, Mapping) and isinstance(after, Mapping):
            lines += differences(before, after, f"{prefix}{key}.")
        elif before != after:
            lines.append(f"{prefix}{key}: {before} → {after}")
    return lines


def _path(name: str | Path) -> Path:
    if str(name).endswith(".toml"):
        return Path(name)
    for folder in _folders():
        if (path := folder / f"{name}.toml").is_file():
            return path
    raise unknown("recipe", str(name), recipes(), do="give the path of a .toml file")


def _completed(table: dict[str, Any], path: Path) -> dict[str, Any]:
    """Return a table with everything it does not say taken from the recipe it is `like`, if it is like one."""
    if (like := table.pop("like", None)) is None:
        return table
    other = toml.read(_path(like))
    if "like" in other:
        raise BadInput(f"{path} is like {like}, which is itself like another recipe.", expected="a complete recipe")
    return _merged(other, table)


def _merged(common: dict[str, Any], special: dict[str, Any]) -> dict[str, Any]:
    both = dict(common)
    for key, value in special.items():
        both[key] = _merged(both[key], value) if isinstance(value, dict) and key in both else value
    return both
