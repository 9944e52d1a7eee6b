"""Quantise weights or activations, with some of them set aside and put back (Yu et al. 2024, equations 1 and 2).

Weights: clip, round to nearest block by block, restore the super weights. Activations: replace the super activation
by the median, round, restore it. Both are simulated: what is rounded is stored and computed in the model's own format.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from labkit.anatomy import Address, View, anatomy_of, site_of
from labkit.anatomy.address import LAYER_PARTS
from labkit.base.errors import BadInput, unknown

from .changes import Change, Hook, Write
from .edits import Edit, whole_numbers
from .rounding import Rounding

if TYPE_CHECKING:
    from labkit.zoo import ModelLike

__all__ = ["Quantise", "QuantiseActivation"]

_ALL = "matrices"
_GROUPS = (_ALL, *(part for part in LAYER_PARTS if "norm" not in part))
_SITES = ("stream", "attn", "mlp", "mlp.neurons", "attn.heads")


@dataclass(frozen=True)
class Quantise(Edit):
    """Round weights to nearest; those at the addresses in `keep` are restored, bit for bit.

    address: an address, or a group: "mlp.down" (that matrix of every layer), "matrices" (all matrices of all layers).
    bits, block, clip, clip_by, grid, symmetric: see `rounding.py`. apart: the kept weights are replaced by the median
    of what is rounded before its range is measured; the paper restores them only, and clips to get rid of them.
    """

    address: str
    bits: int
    block: int | None = None
    clip: float | None = None
    keep: tuple[str, ...] = ()
    clip_by: str = "z"
    grid: str = "int"
    symmetric: bool = False
    apart: bool = False

    def __post_init__(self) -> None:
        if self.address not in _GROUPS:
            object.__setattr__(self, "address", str(Address.parse(self.address)))
        keep = (self.keep,) if isinstance(self.keep, str) else tuple(self.keep)
        object.__setattr__(self, "keep", tuple(str(Address.parse(place)) for place in keep))
        object.__setattr__(self, "clip", self.rounding.clip)

    @property
    def rounding(self) -> Rounding:
        """How the numbers are rounded."""
        given = {name: getattr(self, name) for name in ("bits", "block", "clip", "clip_by", "grid", "symmetric")}
        return Rounding(**given)

    def prepare(self, model: ModelLike) -> list[Change]:
        """Return one write for each matrix; raise `BadInput` where a block or a kept address does not fit."""
        views = [anatomy_of(model).view(address) for address in self._addresses(model)]
        kept: dict[Address, list[View]] = {view.address: [] for view in views}
        for place in map(Address.parse, self.keep):
            if place.whole not in kept:
                raise BadInput(
                    f"{place} is to be kept, but it is not quantised.",
                    expected=f"a place in a whole matrix that is, such as {views[0].address}",
                )
            kept[place.whole].append(anatomy_of(model).view(place))
        for view in views:
            self._check(view)
        return [Write(view, Rounded(self.rounding, kept[view.address], self.apart)) for view in views]

    def _addresses(self, model: ModelLike) -> Iterator[str]:
        if self.address not in _GROUPS:
            yield self.address
            return
        found = [
            name
            for name in anatomy_of(model).addresses()
            if (part := Address.parse(name)).layer is not None
            and not part.bias
            and (part.part == self.address or (self.address == _ALL and part.part in _GROUPS))
        ]
        covered = [name for name in anatomy_of(model).covered if self.address in (_ALL, Address.parse(name).part)]
        if covered:
            anatomy_of(model).view(covered[0])  # says what covers it
        if not found:
            raise unknown("group of weights in this model", self.address, anatomy_of(model).addresses())
        yield from found

    def _check(self, view: View) -> None:
        count = view.read_stored().numel()
        if self.block is not None and self.block > count:
            raise BadInput(
                f"A block of {self.block:,} is larger than {view.address}, which has {count:,} numbers.",
                expected=f"at most {count:,}, or None for one block",
            )

    def __str__(self) -> str:
        keep = f", {', '.join(self.keep)} kept" if self.keep else ""
        return f"quantise {self.address} {self.rounding}{keep}{' and set apart' if self.keep and self.apart else ''}"


class Rounded:
    """The rule of a write: round what is at an address, but not what is at the kept ones."""

    def __init__(self, rounding: Rounding, kept: list[View], apart: bool):
        self.rounding, self.kept, self.apart = rounding, kept, apart

    def __call__(self, old: Tensor) -> Tensor:
        spared = torch.zeros_like(old, dtype=torch.bool)
        for view in self.kept:
            spared[_within(view.address.index)] = True
        given = torch.where(spared, old.median(), old) if self.apart else old
        return torch.where(spared, old, self.rounding(given))


def _within(index: tuple) -> tuple:
    """Return an address's index as one into the matrix; of the whole place, everything."""
    spelt = (axis if isinstance(axis, int) else slice(*axis) if axis else slice(None) for axis in index)
    return tuple(spelt) or (...,)


@dataclass(frozen=True)
class QuantiseActivation(Edit):
    """Round what passes a site to nearest, in every pass; the super activation is set aside and restored.

    site: a site such as "layers.3", or one of every layer: "stream", "attn", "mlp", "mlp.neurons", "attn.heads".
    per: "token" gives each token a range of its own, "tensor" one to each text. keep: channels whose largest entry in
    each text is replaced by the text's median before rounding and put back after (in one call: with a cache, a call
    is one token long).
    """

    site: str
    bits: int = 8
    per: str = "token"
    keep: tuple[int, ...] = ()
    symmetric: bool = False

    def __post_init__(self) -> None:
        if not isinstance(self.site, str):
            raise BadInput(f"{self.site!r} is not a site.", expected="a name such as layers.3.mlp, or stream")
        if self.per not in ("token", "tensor"):
            raise unknown("range", self.per, ("token", "tensor"))
        if self.keep or not isinstance(self.keep, tuple | list):
            object.__setattr__(self, "keep", whole_numbers("keep", self.keep))
        else:
            object.__setattr__(self, "keep", ())
        Rounding(bits=self.bits, symmetric=self.symmetric)

    def prepare(self, model: ModelLike) -> list[Change]:
        """Return one hook for each site."""
        depth = anatomy_of(model).depth
        inside = "" if self.site == "stream" else f".{self.site}"
        names = [f"layers.{layer}{inside}" for layer in range(depth)] if self.site in _SITES else [self.site]
        rounding = Rounding(bits=self.bits, symmetric=self.symmetric)
        return [Hook.at(site_of(model, name), RoundedStream(rounding, self.per, self.keep, name)) for name in names]

    def __str__(self) -> str:
        kept = f", channels {', '.join(map(str, self.keep))} set aside" if self.keep else ""
        symmetric = ", symmetric" if self.symmetric else ""
        return f"quantise activations at {self.site} to {self.bits} bits per {self.per}{symmetric}{kept}"


class RoundedStream:
    """Return [B, L, C] rounded, with the largest entry of some channels replaced before and restored after."""

    def __init__(self, rounding: Rounding, per: str, keep: tuple[int, ...], where: str):
        self.rounding, self.per, self.keep, self.where = rounding, per, keep, where

    def __call__(self, x_BLC: Tensor) -> Tensor:
        if self.keep and max(self.keep) >= x_BLC.shape[-1]:
            raise BadInput(f"{self.where} has no channel {max(self.keep)}.", expected=f"0 to {x_BLC.shape[-1] - 1}")
        return torch.stack([self._text(x_LC) for x_LC in x_BLC])

    def _text(self, x_LC: Tensor) -> Tensor:
        given, places = x_LC.clone(), [(int(x_LC[:, channel].abs().argmax()), channel) for channel in self.keep]
        for place in places:
            given[place] = x_LC.median()
        block = x_LC.shape[-1] if self.per == "token" else None
        rounding = Rounding(bits=self.rounding.bits, symmetric=self.rounding.symmetric, block=block)
        rounded = rounding(given)
        for place in places:
            rounded[place] = x_LC[place]
        return rounded
