"""Leave out a sub-layer or a block, or some of an MLP's neurons."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from labkit.anatomy import SublayerParts, anatomy_of, site_of, view
from labkit.base.errors import BadInput, NotAvailable

from .changes import Change, Forward, Hook
from .edits import Edit, whole_number, whole_numbers

if TYPE_CHECKING:
    from labkit.zoo import ModelLike

__all__ = ["DropAttention", "DropBlock", "DropMLP", "MaskNeurons"]


@dataclass(frozen=True)
class _Drop(Edit, abstract=True):
    layer: int

    def __post_init__(self) -> None:
        whole_number("layer", self.layer)

    def _skip(self, model: ModelLike, which: str) -> list[Change]:
        """Return the overrides that leave a sub-layer out: neither it nor the norms around it are computed."""
        part: SublayerParts | None = getattr(anatomy_of(model).layer(self.layer), which)
        if part is None:
            raise NotAvailable(f"Block {self.layer} has no {which}.", do="choose another layer")
        return [Forward(module, forward, f"layers.{self.layer} ({which})") for module, forward in part.skip]


@dataclass(frozen=True)
class DropAttention(_Drop):
    """Leave out the attention of a layer: it is not computed and writes nothing to the stream.

    Decoding with a cache stays right whichever layers are dropped, as long as they stay dropped while it is in use.
    """

    def prepare(self, model: ModelLike) -> list[Change]:
        """Return the overrides."""
        return self._skip(model, "attention")

    def __str__(self) -> str:
        return f"drop attention of layer {self.layer}"


@dataclass(frozen=True)
class DropMLP(_Drop):
    """Leave out the MLP of a layer: it is not computed and writes nothing to the stream."""

    def prepare(self, model: ModelLike) -> list[Change]:
        """Return the overrides."""
        return self._skip(model, "mlp")

    def __str__(self) -> str:
        return f"drop MLP of layer {self.layer}"


@dataclass(frozen=True)
class DropBlock(_Drop):
    """Leave out both sub-layers of a layer: the stream passes through unchanged."""

    def prepare(self, model: ModelLike) -> list[Change]:
        """Return the overrides of both."""
        return self._skip(model, "attention") + self._skip(model, "mlp")

    def __str__(self) -> str:
        return f"drop block {self.layer}"


@dataclass(frozen=True)
class MaskNeurons(Edit):
    """Hold some neurons of an MLP at 0 (the input of its down projection); neurons are counted from 0."""

    layer: int
    neurons: tuple[int, ...]

    def __post_init__(self) -> None:
        whole_number("layer", self.layer)
        object.__setattr__(self, "neurons", whole_numbers("neurons", self.neurons))

    def prepare(self, model: ModelLike) -> list[Change]:
        """Return one hook."""
        site = site_of(model, f"layers.{self.layer}.mlp.neurons")
        width = view(model, f"layers.{self.layer}.mlp.down").shape[1]
        if max(self.neurons) >= width:
            raise BadInput(
                f"Layer {self.layer} has no neuron {max(self.neurons)}.", expected=f"neurons 0 to {width - 1}"
            )
        return [Hook.at(site, Mask(self.neurons))]

    def __str__(self) -> str:
        shown = ", ".join(map(str, self.neurons[:8])) + (", …" if len(self.neurons) > 8 else "")
        return f"mask {len(self.neurons)} neurons of layer {self.layer}: {shown}"


class Mask:
    """Return a copy with some channels at 0."""

    def __init__(self, channels: tuple[int, ...]):
        self.channels = torch.tensor(channels)

    def __call__(self, x: Tensor) -> Tensor:
        return x.index_fill(-1, self.channels.to(x.device), 0.0)
