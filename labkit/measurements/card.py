"""The numbers on a shipped model's card: its loss and its vital signs, on texts of their own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from labkit import world
from labkit.base.data import data_dir
from labkit.base.errors import BadInput
from labkit.base.papers import bring, brought

from .estimate import Estimate, proportion
from .vital_signs import sample_stories, vitals

__all__ = ["card_file", "card_numbers"]

_N, _SEED = 200, 90
_COOL = 0.5
# What a card calls them.
_NAMES = {"tracking": "who_has_the_lantern", "whole_stories": "stories_that_pass"}


def card_numbers(handle: Any) -> dict[str, dict[str, Any]]:
    """Return the tables of a card for a model that reads the world: each number with its interval, n, and over what.

    `above_floor` is the loss on whole stories, their end included, minus the world's exact floor on the same stories;
    `facts` are asked in templates that were never trained on; `stories_that_pass` are its own, at temperature 1, and
    `cool_stories_that_pass` others at temperature 0.5.
    A constructed model is no pupil: the paper it was constructed for measures its card instead.
    """
    if not getattr(handle, "ours", False):
        raise BadInput(f"{handle!r} does not read the world's pieces.", expected="a handle of one of the lab models")
    for key in brought("cards"):
        if key in handle.card:
            return bring("cards", key)(handle)
    found = vitals(handle, _N, seed=_SEED)
    signs = {_NAMES.get(name, name): _table(sign) for name, sign in found.signs.items()}
    cool = sample_stories(handle, _N, seed=_SEED, temperature=_COOL)
    passed = proportion([float(not world.check(story)) for story in cool], "stories", name="cool stories", null=0.0)
    return {
        "loss_on_stories": _table(found.loss),
        **signs,
        "cool_stories_that_pass": {**_table(passed), "temperature": _COOL},
    }


def card_file(model: str, seed: int) -> Path:
    """Return where the card lies that a recipe's run from `seed` would have: its numbers without its weights."""
    return data_dir() / "sweeps" / f"{model.replace('/', '_')}_card_{seed}.toml"


def _table(estimate: Estimate) -> dict[str, Any]:
    table = {end: round(getattr(estimate, end), 4) for end in ("value", "low", "high")}
    table |= {"n": estimate.n, "over": estimate.over, "unit": estimate.unit}
    return table | ({"chance": round(estimate.null, 4)} if estimate.null else {})
