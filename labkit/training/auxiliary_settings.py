"""Which heads of a model are shown where to look, and where its stream is asked what it knows; as data."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from labkit.base import toml
from labkit.base.errors import BadInput
from labkit.models import DecoderConfig
from labkit.world.hints import LOOKS, TELLS

__all__ = ["AuxiliarySettings"]


@dataclass(frozen=True, kw_only=True)
class AuxiliarySettings:
    """What a model is shown while it trains (see `auxiliary.py`).

    weight: of these losses against the model's own. until: the last step that has them.
    look: for some of `world.hints.LOOKS`, the [block, head] pairs that are shown where to look.
    tell: for some of `world.hints.TELLS`, the block after which the stream is asked for it.
    """

    weight: float
    until: int
    look: Mapping[str, Any] = field(default_factory=dict)
    tell: Mapping[str, int] = field(default_factory=dict)

    @classmethod
    def from_dict(cls, table: Mapping[str, Any], name: str) -> AuxiliarySettings:
        """Return the auxiliary of a table, such as stands in the recipe called `name`."""
        toml.check_keys(table, [f.name for f in fields(cls)], f"auxiliary of {name}")
        if missing := {"weight", "until"} - set(table):
            raise BadInput(f"The auxiliary of {name} do not say {', '.join(sorted(missing))}.", expected="both numbers")
        toml.check_keys(table.get("look", {}), LOOKS, f"auxiliary.look of {name}")
        toml.check_keys(table.get("tell", {}), TELLS, f"auxiliary.tell of {name}")
        return cls(**table)

    def __str__(self) -> str:
        """Say it for a model's card."""
        heads = sorted({(block, head) for shown in self.look.values() for block, head in shown})
        shown = ", ".join(f"head {head} of block {block}" for block, head in heads)
        asked = ", ".join(f"{sort} after block {block}" for sort, block in self.tell.items())
        parts = [f"shown where to look: {shown}"] if shown else []
        parts += [f"asked what the stream knows: {asked}"] if asked else []
        return f"Up to step {self.until} it was {'; '.join(parts)}."

    def check(self, name: str, steps: int, config: DecoderConfig) -> None:
        """Raise `BadInput` unless a model of this config, trained for so many steps, can be helped so so."""
        if not _above_0(self.weight) or not _whole(self.until) or not 0 < self.until <= steps:
            raise BadInput(
                f"{name} is helped with weight = {self.weight}, until = {self.until}.",
                expected=f"a weight above 0, and a step from 1 to {steps}",
            )
        for sort, shown in self.look.items():
            if not isinstance(shown, list | tuple) or not all(_among(pair, config) for pair in shown):
                raise BadInput(
                    f"{name} is to show {sort} to {shown}.",
                    expected=f"pairs [block, head], from [0, 0] to [{config.depth - 1}, {config.heads - 1}]",
                )
        for sort, block in self.tell.items():
            if not _whole(block) or block not in range(config.depth):
                raise BadInput(
                    f"{name} is to ask for {sort} after block {block}.",
                    expected=f"a block from 0 to {config.depth - 1}",
                )


def _whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _above_0(weight: Any) -> bool:
    return isinstance(weight, int | float) and not isinstance(weight, bool) and 0 < weight < math.inf


def _among(pair: Any, config: DecoderConfig) -> bool:
    if not isinstance(pair, list | tuple) or len(pair) != 2 or not all(map(_whole, pair)):
        return False
    return pair[0] in range(config.depth) and pair[1] in range(config.heads)
