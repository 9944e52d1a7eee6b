"""What a neuron is here: one output of a linear layer, before any activation function (section 3.2).

A gated MLP therefore has three kinds of neurons, gate, up and down; the outputs of down are writes to the residual
stream. Setting gate j to 0 does what setting up j to 0 does, since silu(0) = 0: two neurons with one effect.
"""

from __future__ import annotations

import bisect
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from labkit.anatomy import Site, anatomy_of
from labkit.base.errors import BadInput, unknown

if TYPE_CHECKING:
    from labkit.zoo import ModelLike

__all__ = ["ATTENTION", "FFN", "MODULES", "Layout", "layout_of", "neuron_count", "outputs_at"]

FFN, ATTENTION = ("gate", "up", "down"), ("q", "k", "v", "o")
MODULES = {**{name: f"mlp.{name}" for name in FFN}, **{name: f"attn.{name}" for name in ATTENTION}}


def neuron_count(layers: int, ffn: int, width: int) -> int:
    """Return the number of gate, up and down neurons: layers · (2 · ffn + width)."""
    return layers * (2 * ffn + width)


@dataclass(frozen=True)
class Layout:
    """The neurons of a model in one row: (layer, module, how many) after each other. A neuron is its place in it."""

    blocks: tuple[tuple[int, str, int], ...]

    @cached_property
    def starts(self) -> list[int]:
        """The place of each block's first neuron."""
        return [0, *np.cumsum([size for *_, size in self.blocks]).tolist()][:-1]

    @cached_property
    def block_of(self) -> np.ndarray:
        """The number of the block each neuron is in [M]."""
        return np.repeat(np.arange(len(self.blocks)), [size for *_, size in self.blocks])

    @cached_property
    def layers(self) -> np.ndarray:
        """The layer of each neuron [M]."""
        return np.array([layer for layer, *_ in self.blocks])[self.block_of]

    @cached_property
    def modules(self) -> np.ndarray:
        """The kind of module of each neuron [M]."""
        return np.array([module for _, module, _ in self.blocks])[self.block_of]

    def __len__(self) -> int:
        return sum(size for *_, size in self.blocks)

    def name(self, neuron: int) -> str:
        """Return the address of a neuron, such as layers.2.mlp.gate[17]."""
        if not 0 <= neuron < len(self):
            raise BadInput(f"There is no neuron {neuron}.", expected=f"0 to {len(self) - 1}")
        block = bisect.bisect_right(self.starts, neuron) - 1
        layer, module, _ = self.blocks[block]
        return f"layers.{layer}.{MODULES[module]}[{neuron - self.starts[block]}]"

    def names(self, neurons: Iterable[int]) -> tuple[str, ...]:
        """Return the addresses of several."""
        return tuple(self.name(int(neuron)) for neuron in neurons)

    def count(self, share: float) -> int:
        """Return how many neurons a share of all is: rounded, at least one for a share above 0."""
        if not 0 <= share <= 1:
            raise BadInput(f"share = {share!r} is no share of the neurons.", expected="a number from 0 to 1")
        return max(1, round(share * len(self))) if share else 0

    def only(self, modules: Sequence[str]) -> np.ndarray:
        """Return the places of the neurons of some kinds of modules."""
        for module in modules:
            if module not in MODULES:
                raise unknown("module", module, list(MODULES))
        return np.flatnonzero(np.isin(self.modules, modules))

    def random(self, k: int, seed: int) -> np.ndarray:
        """Return k neurons drawn at random from all."""
        self._check(k)
        return np.random.default_rng([seed, 1]).choice(len(self), size=k, replace=False)

    def matched(self, chosen: Sequence[int], seed: int) -> np.ndarray:
        """Return as many other neurons from the same layers and modules as those of `chosen`, drawn at random.

        Where a module has not enough others, its chosen ones are drawn again.
        """
        generator, taken = np.random.default_rng([seed, 2]), np.asarray(chosen, dtype=int)
        drawn = []
        for block, (start, (*_, size)) in enumerate(zip(self.starts, self.blocks)):
            mine = taken[self.block_of[taken] == block]
            others = np.setdiff1d(np.arange(start, start + size), mine)
            short = max(0, len(mine) - len(others))
            drawn += [generator.choice(others, size=len(mine) - short, replace=False)]
            drawn += [generator.choice(mine, size=short, replace=False)] if short else []
        return np.concatenate(drawn).astype(int)

    def _check(self, k: int) -> None:
        if not 0 <= k <= len(self):
            raise BadInput(f"{k} neurons were asked of {len(self)}.", expected=f"a number from 0 to {len(self)}")


def outputs_at(model: ModelLike, address: str) -> tuple[Site, Tensor]:
    """Return where the outputs of a linear layer can be seen, and which of the outputs there are its own.

    Some families keep gate and up, or q, k and v, in one layer.
    """
    place = anatomy_of(model).view(address).place
    return Site(address, place.owner, "output"), torch.as_tensor(list(place.rows))


def layout_of(model: ModelLike, modules: Sequence[str] = FFN) -> Layout:
    """Return the row of neurons of `model` (a handle or a module): by layer, then in the order of `modules`."""
    anatomy = anatomy_of(model)
    for module in modules:
        if module not in MODULES:
            raise unknown("module", module, list(MODULES))
    blocks = [
        (layer, module, anatomy.view(f"layers.{layer}.{MODULES[module]}").shape[0])
        for layer in range(anatomy.depth)
        for module in modules
    ]
    return Layout(tuple(blocks))
