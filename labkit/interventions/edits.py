"""Edits are values: frozen dataclasses that say what to change, and know how when they are shown a model."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import torch
from torch import Tensor

from labkit.anatomy import Address, anatomy_of
from labkit.base.errors import BadInput

from .changes import Change, Write

if TYPE_CHECKING:
    from labkit.zoo import ModelLike

__all__ = ["Edit", "Kinds", "ScaleWeight", "SetWeight", "Source", "WeightEdit", "ZeroWeight", "number", "whole_numbers"]


class Kinds:
    """A base class whose subclasses are known by a `kind`, the name they have in files.

    The kind is the class's name in lower case with underscores (`DropMLP` is drop_mlp), unless the class sets one.
    A class between base and kinds is declared with `abstract=True`.
    """

    kinds: ClassVar[dict[str, type]]
    kind: ClassVar[str]

    def __init_subclass__(cls, abstract: bool = False, **options: Any) -> None:
        """Register the subclass."""
        super().__init_subclass__(**options)
        if "kinds" in vars(cls) or abstract:
            return
        if "kind" not in vars(cls):
            cls.kind = re.sub(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", cls.__name__).lower()
        held = cls.kinds.get(cls.kind)
        # The same class again is a notebook cell run twice.
        if held is not None and (held.__module__, held.__qualname__) != (cls.__module__, cls.__qualname__):
            raise BadInput(
                f"{cls.__qualname__} and {held.__qualname__} both call themselves {cls.kind!r}.",
                expected="a kind of its own for each class",
                do=f'give {cls.__qualname__} a line such as kind = "{cls.__name__.lower()}"',
            )
        cls.kinds[cls.kind] = cls


class Edit(Kinds):
    """One thing to change. A new kind is a frozen dataclass with `prepare` and `__str__`.

    measures: whether `prepare` runs the model, and so wants to see it intact.
    """

    kinds: ClassVar[dict[str, type]] = {}
    measures: ClassVar[bool] = False

    def prepare(self, model: ModelLike) -> list[Change]:
        """Return the changes for `model` (a module or a handle); raise when it cannot have them; change nothing."""
        raise NotImplementedError


class Source(Kinds):
    """A rule that gives values for a site. A new kind is a frozen dataclass with `values` and `__str__`."""

    kinds: ClassVar[dict[str, type]] = {}

    def values(self, model: ModelLike, site: str) -> Any:
        """Return one vector [C] for every position, or one a position [L, C]; `model` is intact."""
        raise NotImplementedError


@dataclass(frozen=True)
class WeightEdit(Edit, abstract=True):
    """An edit of the values at one address; a kind overrides `values`."""

    address: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "address", str(Address.parse(self.address)))

    def values(self, old: Tensor) -> Tensor | float:
        """Return the new values for the old ones, in the shape the address shows ([out, in] for a whole matrix)."""
        raise NotImplementedError

    def prepare(self, model: ModelLike) -> list[Change]:
        """Return one write."""
        return [Write(anatomy_of(model).view(self.address), self.values)]


@dataclass(frozen=True)
class ZeroWeight(WeightEdit):
    """Set the weight, row, column or matrix at an address to 0."""

    def values(self, old: Tensor) -> Tensor:
        """Return zeros."""
        return torch.zeros_like(old)

    def __str__(self) -> str:
        return f"zero {self.address}"


@dataclass(frozen=True)
class ScaleWeight(WeightEdit):
    """Multiply what is at an address by a finite factor."""

    factor: float

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "factor", number("factor", self.factor))

    def values(self, old: Tensor) -> Tensor:
        """Return the old values times the factor."""
        return old * self.factor

    def __str__(self) -> str:
        return f"scale {self.address} by {self.factor:g}"


@dataclass(frozen=True)
class SetWeight(WeightEdit):
    """Set what is at an address to one finite number."""

    value: float

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "value", number("value", self.value))

    def values(self, old: Tensor) -> Tensor:
        """Return the number everywhere."""
        return torch.full_like(old, self.value)

    def __str__(self) -> str:
        return f"set {self.address} to {self.value:g}"


def number(name: str, value: Any) -> float:
    """Return a finite number as float; raise `BadInput` otherwise."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise BadInput(f"{name} = {value!r} is not usable.", expected="a finite number")
    return float(value)


def whole_number(name: str, value: Any) -> int:
    """Return a number counted from 0; raise `BadInput` otherwise."""
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise BadInput(f"{name} = {value!r} is not usable.", expected="a whole number from 0 up")
    return value


def whole_numbers(name: str, values: Any) -> tuple[int, ...]:
    """Return numbers counted from 0 as a tuple, each once; raise `BadInput` otherwise."""
    given = tuple(values) if isinstance(values, Iterable) and not isinstance(values, str) else (values,)
    if not given or any(isinstance(v, bool) or not isinstance(v, int) or v < 0 for v in given):
        raise BadInput(f"{name} = {values!r} is not usable.", expected="whole numbers from 0 up, at least one")
    if len(set(given)) < len(given):
        raise BadInput(f"{name} = {values!r} names one of them twice.", expected="each number once")
    return given
