"""A panel's controls as data: what may be chosen, and what is said when something else is.

A control knows its legal values and nothing of widgets; `labkit.panels.fields` makes the widget for each.
"""

from __future__ import annotations

import math
import numbers
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

from labkit.base.errors import BadInput, unknown

__all__ = ["Choice", "Control", "Grid", "Slider", "Text", "Toggle", "check_controls", "words_for"]


@dataclass(frozen=True)
class Control:
    """One thing a reader can move: `name` is the field of the panel's state, `label` what stands beside it."""

    name: str
    label: str = field(default="", kw_only=True)
    help: str = field(default="", kw_only=True)

    @property
    def title(self) -> str:
        return self.label or self.name

    def check(self, value: Any) -> Any:
        """Return `value` as the state keeps it; raise `BadInput` when no mouse could have produced it."""
        raise NotImplementedError


@dataclass(frozen=True)
class Choice(Control):
    """One of a few options: a tuple of words, or a mapping from the words shown to the values kept."""

    options: tuple[str, ...] | Mapping[str, Hashable] = ()

    def __post_init__(self) -> None:
        if len(self.pairs) < 2:
            raise BadInput(f"The choice {self.name!r} has {len(self.pairs)} options.", expected="at least two")
        if any(kept is None for _, kept in self.pairs):  # a native list shows it blank
            raise BadInput(f"The choice {self.name!r} keeps None.", expected="a value for every option")

    @property
    def pairs(self) -> tuple[tuple[str, Hashable], ...]:
        """The options as (words shown, value kept)."""
        if isinstance(self.options, Mapping):
            return tuple(self.options.items())
        return tuple((str(option), option) for option in self.options)

    def check(self, value: Any) -> Any:
        for shown, kept in self.pairs:
            if value is kept or (type(value) is type(kept) and value == kept) or value == shown:
                return kept
        problem = unknown(f"option of {self.name!r}", value, [str(kept) for _, kept in self.pairs])
        raise BadInput(problem.what, problem.expected, problem.do)


@dataclass(frozen=True)
class Slider(Control):
    """A number from `low` to `high` in equal steps; all three integers make an integer slider."""

    low: float = 0
    high: float = 1
    step: float = 1

    def __post_init__(self) -> None:
        if not (self.low < self.high and self.step > 0):
            raise BadInput(
                f"The slider {self.name!r} runs from {self.low} to {self.high} in steps of {self.step}.",
                expected="low < high and a step above zero",
            )

    @property
    def whole(self) -> bool:
        return all(isinstance(number, int) for number in (self.low, self.high, self.step))

    def check(self, value: Any) -> float:
        if isinstance(value, bool) or not isinstance(value, numbers.Real) or not math.isfinite(value):
            raise BadInput(f"{value!r} is not a number for {self.name!r}.", expected=self._range())
        steps = round((float(value) - self.low) / self.step)
        kept = self.low + steps * self.step
        off = abs(float(value) - kept) > 1e-6 * self.step
        if off or not (self.low - 1e-9 <= kept <= self.high + 1e-9):
            raise BadInput(f"{self.name!r} cannot be {value}.", expected=self._range())
        return int(kept) if self.whole else round(float(kept), 12)

    def _range(self) -> str:
        kind = "a whole number" if self.whole and self.step == 1 else f"a number in steps of {self.step:g}"
        return f"{kind}, {self.low:g} to {self.high:g}"


@dataclass(frozen=True)
class Toggle(Control):
    """On or off."""

    def check(self, value: Any) -> bool:
        if isinstance(value, bool) or type(value).__name__ == "bool_":  # numpy's own truth values
            return bool(value)
        raise BadInput(f"{self.name!r} cannot be {value!r}.", expected="True or False")


@dataclass(frozen=True)
class Text(Control):
    """The reader's own words, with ready texts by title; a title given to `check` stands for its text."""

    ready: Mapping[str, str] = field(default_factory=dict)
    limit: int = 2000  # characters
    wanted: str = "a few words"  # said when the box is empty
    rows: int = 3

    def check(self, value: Any) -> str:
        if not isinstance(value, str):
            raise BadInput(f"{self.name!r} cannot be {value!r}.", expected="text")
        words = " ".join(self.ready.get(value, value).split())
        if not words:
            raise BadInput(
                f"The box {self.title!r} is empty.", expected=self.wanted, do="type it, or choose from the list"
            )
        if len(words) > self.limit:
            raise BadInput(
                f"The text has {len(words):,} characters.",
                expected=f"at most {self.limit:,}",
                do="keep the part that matters",
            )
        return words


@dataclass(frozen=True)
class Grid(Control):
    """Any of a model's parts: attention and MLP of each of `depth` layers, and both at once; `ready` sets by title.

    Kept as pairs ("attention", 3) in the order of the layers. `check` also takes a title, a mapping from the part to
    layers ({"attention": [3, 4], "block": [7]}), and edits that drop parts.
    """

    depth: int = 1
    ready: Mapping[str, tuple] = field(default_factory=dict)
    columns = ("attention", "mlp")

    def check(self, value: Any) -> tuple[tuple[str, int], ...]:
        if isinstance(value, str):
            if value not in self.ready:
                problem = unknown(f"ready choice of {self.name!r}", value, list(self.ready))
                raise BadInput(problem.what, problem.expected, problem.do)
            value = self.ready[value]
        if isinstance(value, Mapping):
            value = [(part, layer) for part, layers in value.items() for layer in layers]
        if not isinstance(value, Iterable):
            raise self._wrong(value)
        cells = {cell for item in value for cell in self._cells(item)}
        return tuple(sorted(cells, key=lambda cell: (cell[1], cell[0])))

    def _cells(self, item: Any) -> list[tuple[str, int]]:
        if hasattr(item, "kind") and hasattr(item, "layer"):  # an edit that drops a part
            item = (str(item.kind).removeprefix("drop_"), item.layer)
        if not isinstance(item, tuple | list) or len(item) != 2 or item[0] not in (*self.columns, "block"):
            raise self._wrong(item)
        part, layer = item
        if isinstance(layer, bool) or not isinstance(layer, numbers.Integral) or not 0 <= int(layer) < self.depth:
            raise self._wrong(item)
        return [(name, int(layer)) for name in (self.columns if part == "block" else (part,))]

    def _wrong(self, item: Any) -> BadInput:
        return BadInput(
            f"{self.name!r} cannot hold {item!r}.",
            expected=f'parts such as ("attention", 3), ("mlp", 3) or ("block", 3), layers 0 to {self.depth - 1}',
        )


def check_controls(controls: Sequence[Control], state: type) -> None:
    """Raise `BadInput` unless there are at most three controls, one for every field of a panel's state."""
    names, kept = [control.name for control in controls], [one.name for one in fields(state)]
    if len(controls) > 3:
        raise BadInput(f"This panel has {len(controls)} controls.", expected="at most three")
    if sorted(names) != sorted(kept):
        raise BadInput(f"The controls are {names} but the state keeps {kept}.", expected="one control per field")


def words_for(options: Mapping[str, Any], kept: Any) -> str:
    """Return the words shown for the value that a choice keeps."""
    return next(words for words, value in options.items() if value == kept)
