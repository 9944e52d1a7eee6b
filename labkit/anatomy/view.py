"""View: a parameter, or a place in one, read and written as the matrix [out, in] it stands for."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from labkit.base.errors import BadInput

from .address import Address, Axis

__all__ = ["INTEGERS", "Place", "View"]

INTEGERS = {1: torch.uint8, 2: torch.int16, 4: torch.int32, 8: torch.int64}  # by bytes: as bits, NaN equals itself
ROWS = 64  # compared at a time


@dataclass(frozen=True)
class Place:
    """Where a logical matrix or vector is stored: a module's parameter and how to read it.

    rows: stored rows that make up the logical ones, in order. offset: added to what is stored (Gemma's gains).
    """

    owner: nn.Module
    attribute: str
    rows: range | Tensor
    transposed: bool = False
    offset: float = 0.0

    @property
    def parameter(self) -> nn.Parameter:
        """The stored parameter as the module holds it now."""
        return getattr(self.owner, self.attribute)

    @property
    def shape(self) -> tuple[int, ...]:
        """The logical shape: [out, in], or [out] for a vector."""
        stored = self.parameter.shape
        return (len(self.rows),) if len(stored) == 1 else (len(self.rows), stored[0] if self.transposed else stored[1])


class View:
    """A window on one parameter of a model: `read()` copies out, `write(values)` writes into the parameter itself.

    shape is that of what is seen: [out, in] without an index, [in] for a row, [] for one number.
    The raw pair, `read_stored` and `write_stored`, moves the stored numbers unchanged, bit for bit.
    """

    def __init__(self, address: Address, place: Place):
        self.address, self.place = address, place
        self._key = _key(address, place)

    @property
    def parameter(self) -> nn.Parameter:
        """The whole stored parameter, fused or transposed as it may be."""
        return self.place.parameter

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of what `read` returns."""
        sizes = zip(self.place.shape, _padded(self.address.index, self.place.shape))
        return tuple(size if axis is None else axis[1] - axis[0] for size, axis in sizes if not isinstance(axis, int))

    def read_stored(self) -> Tensor:
        """Return a copy of the stored numbers seen here, laid out as [out, in]."""
        return self._oriented()[self._key].clone()

    def write_stored(self, values: Tensor) -> None:
        """Put back what `read_stored` returned."""
        target = self._oriented()
        target[self._key] = values.to(device=target.device, dtype=target.dtype)

    def holds(self, values: Tensor) -> bool:
        """Whether the stored numbers seen here are these, bit for bit, in the format they are stored in now.

        Compared a few at a time, without a copy: this is asked when memory may be full.
        """
        here = self._oriented()[self._key]
        there = values.to(device=here.device, dtype=here.dtype)
        integers = INTEGERS[here.dtype.itemsize]
        rows = zip(here.split(ROWS), there.split(ROWS)) if here.dim() else [(here, there)]
        return all(torch.equal(mine.view(integers), theirs.view(integers)) for mine, theirs in rows)

    def read(self) -> Tensor:
        """Return a copy of the values (of a gain: the gain itself, whatever is stored)."""
        stored = self.read_stored()
        if not self.place.offset:
            return stored
        return (stored.float() if stored.itemsize < 4 else stored) + self.place.offset

    def write(self, values: Tensor | float) -> None:
        """Write `values`, of this view's shape or broadcast to it, into the parameter."""
        target = self.parameter
        wide = torch.float32 if target.dtype.itemsize < 4 else target.dtype
        values = torch.as_tensor(values, device=target.device).detach()
        if self.place.offset:
            values = values.to(wide) - self.place.offset
        try:
            values = values.expand(self.shape)
        except RuntimeError as error:
            raise BadInput(
                f"Values of shape {list(values.shape)} do not fit {self.address}.",
                expected=f"one number or shape {list(self.shape)}",
            ) from error
        self.write_stored(values)

    def _oriented(self) -> Tensor:
        parameter = self.place.parameter.detach()  # shares its memory, and writing to it moves its version
        return parameter.T if self.place.transposed else parameter

    def __repr__(self) -> str:
        return f"View({self.address}, shape={list(self.shape)})"


def _padded(index: tuple[Axis, ...], shape: tuple[int, ...]) -> tuple[Axis, ...]:
    return index or (None,) * len(shape)


def _key(address: Address, place: Place) -> tuple:
    """Return the index into the stored tensor; raise `BadInput` when the address points outside its shape."""
    shape, index = place.shape, _padded(address.index, place.shape)
    form = " × ".join(map(str, shape))
    if len(index) != len(shape):
        kind = "a vector" if len(shape) == 1 else "a matrix"
        raise BadInput(
            f"{address} has {len(index)} indices, but {address.name} is {kind} of {form}.",
            expected="[12]" if len(shape) == 1 else "[12, 7] for one number, [12, :] for a row, [:, 7] for a column",
        )
    for axis, size, name in zip(index, shape, ("row", "column") if len(shape) == 2 else ("entry",)):
        last = axis if isinstance(axis, int) else 0 if axis is None else axis[1] - 1
        if last >= size:
            raise BadInput(
                f"{address} is out of range: there is no {name} {last}.",
                expected=f"{address.name} is {form}"
                + (" [out × in]" if len(shape) == 2 else "")
                + f", so {'entries' if name == 'entry' else f'{name}s'} 0 to {size - 1}",
            )
    return (_stored_rows(place.rows, index[0]), *map(_slice, index[1:]))


def _stored_rows(rows: range | Tensor, axis: Axis) -> int | slice | Tensor:
    chosen = rows[axis if isinstance(axis, int) else _slice(axis)]
    if isinstance(chosen, range):
        return slice(chosen.start, chosen.stop)
    return int(chosen) if isinstance(axis, int) else chosen


def _slice(axis: Axis) -> int | slice:
    return axis if isinstance(axis, int) else slice(None) if axis is None else slice(*axis)
