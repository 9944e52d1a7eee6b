"""SilenceNeurons: set the outputs of chosen neurons to 0, or to another value, while the model runs (section 3.3)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from labkit.base.errors import BadInput
from labkit.interventions.changes import Change, Hook
from labkit.interventions.edits import Edit, number

from .neurons import Layout, outputs_at

if TYPE_CHECKING:
    from labkit.zoo import ModelLike

__all__ = ["SilenceNeurons", "forced"]

_NAME = re.compile(r"(layers\.\d+\.(?:mlp\.(?:gate|up|down)|attn\.[qkvo]))\[(\d+)\]")


@dataclass(frozen=True)
class SilenceNeurons(Edit):
    """Set each of `neurons` ("layers.2.mlp.gate[17]") to 0, or to its own of `values`, at every token.

    last: only at the last so many tokens of a pass. No neuron changes nothing, bit for bit.
    """

    neurons: tuple[str, ...]
    values: tuple[float, ...] | None = None
    last: int | None = None

    def __post_init__(self) -> None:
        given = (self.neurons,) if isinstance(self.neurons, str) else tuple(self.neurons)
        strange = [name for name in given if not isinstance(name, str) or not _NAME.fullmatch(name)]
        if strange:
            raise BadInput(f"{strange[0]!r} is no neuron.", expected="names such as layers.2.mlp.gate[17]")
        if len(set(given)) < len(given):
            raise BadInput("A neuron is named twice.", expected="each neuron once")
        object.__setattr__(self, "neurons", given)
        if self.values is not None:
            if len(self.values) != len(given):
                raise BadInput(f"{len(self.values)} values for {len(given)} neurons.", expected="one value for each")
            object.__setattr__(self, "values", tuple(number("value", v) for v in self.values))
        if self.last is not None and (isinstance(self.last, bool) or not isinstance(self.last, int) or self.last < 1):
            raise BadInput(f"last = {self.last!r} is no number of tokens.", expected="a whole number from 1, or None")

    def prepare(self, model: ModelLike) -> list[Change]:
        """Return one hook for each module that holds a neuron of the set."""
        places: dict[str, list[int]] = {}
        for position, name in enumerate(self.neurons):
            places.setdefault(_NAME.fullmatch(name)[1], []).append(position)  # type: ignore[index]
        return [self._hook(model, address, positions) for address, positions in places.items()]

    def _hook(self, model: ModelLike, address: str, positions: Sequence[int]) -> Change:
        columns = [int(_NAME.fullmatch(self.neurons[position])[2]) for position in positions]  # type: ignore[index]
        site, mine = outputs_at(model, address)
        if max(columns) >= len(mine):
            raise BadInput(f"{address} has no neuron {max(columns)}.", expected=f"0 to {len(mine) - 1}")
        values = [0.0 if self.values is None else self.values[position] for position in positions]
        columns_K, values_K = mine[columns], torch.tensor(values)

        def silenced(o_BLF: Tensor) -> Tensor:
            new_BLF = o_BLF.clone()
            first = 0 if self.last is None else max(0, o_BLF.shape[-2] - self.last)
            new_BLF[..., first:, columns_K.to(o_BLF.device)] = values_K.to(o_BLF)
            return new_BLF

        return Hook.at(site, silenced)

    def __str__(self) -> str:
        what = "0" if self.values is None else "values of their own"
        where = "" if self.last is None else f" at the last {self.last} tokens"
        return f"set {len(self.neurons)} neurons to {what}{where}"


def forced(layout: Layout, neurons: Sequence[int], outputs_NM: Tensor, how: str = "mean", **where: Any) -> Edit:
    """Return the edit that sets neurons to what they say on some prompts: their mean, or their median there.

    The median over a relation's own prompts is how earlier work *activates* language neurons (Kojima et al. 2024).
    """
    if how not in ("mean", "median"):
        raise BadInput(f"how = {how!r}.", expected='"mean" or "median"')
    said_NK = outputs_NM[:, torch.as_tensor(list(neurons), dtype=torch.long)].double()
    values = said_NK.mean(dim=0) if how == "mean" else said_NK.median(dim=0).values
    return SilenceNeurons(layout.names(neurons), values=tuple(values.tolist()), **where)
