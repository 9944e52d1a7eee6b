"""What every frozen result can do: print as its table, and become plain JSON values and itself again.

@dataclass(frozen=True)
class Profile(Result):
    title: str
    line: tuple[Estimate, ...]

Profile.from_dict(json.loads(json.dumps(profile.as_dict()))) == profile
"""

from __future__ import annotations

import json
import math
import os
import types
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any, ClassVar, Union, get_args, get_origin, get_type_hints

from .errors import BrokenFile
from .files import parsed, write_atomically

__all__ = ["Result", "plain", "rebuilt"]


class Result:
    """The base of a result: a frozen dataclass with a `table()`."""

    __dataclass_fields__: ClassVar[dict[str, Any]]

    def table(self) -> str:
        """Return the result as text."""
        raise NotImplementedError

    def __str__(self) -> str:
        return self.table()

    def as_dict(self) -> dict[str, Any]:
        """Return the fields as plain JSON values; a number that is none (nan, infinite) becomes None."""
        return plain(self)

    @classmethod
    def from_dict(cls, table: Mapping[str, Any]) -> Any:
        """Return what `as_dict` was taken of; raise `KeyError`, `TypeError` or `ValueError` for anything else."""
        return rebuilt(cls, table)

    def save(self, path: str | os.PathLike) -> Path:
        """Write the result to `path` as JSON; an earlier file is replaced whole or not at all."""
        return write_atomically(path, json.dumps(self.as_dict(), ensure_ascii=False, indent=1) + "\n")

    @classmethod
    def read(cls, path: str | os.PathLike, do: str) -> Any:
        """Return what `save` wrote; raise `BrokenFile`, with what to do, where there is nothing whole."""
        try:
            table = parsed(Path(path).read_text(encoding="utf-8"))
            return cls.from_dict({key: value for key, value in table.items() if key != "format"})
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise BrokenFile(
                f"{path} holds no {cls.__name__} ({error}).", expected=f"what {cls.__name__}.save wrote", do=do
            ) from error


def plain(value: Any) -> Any:
    """Return dataclasses and mappings as dicts, tuples as lists, numbers that are none as None."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping):
        return {key: plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    return value


def rebuilt(kind: Any, value: Any) -> Any:
    """Return plain JSON values as the type says: dataclasses by their fields, sequences as tuples, no float as nan."""
    if is_dataclass(kind):
        known = {field.name for field in fields(kind)}
        if not isinstance(value, Mapping) or not set(value) <= known:
            raise ValueError(f"{value!r} has not the fields of {kind.__name__}")  # type: ignore[union-attr]
        hints = get_type_hints(kind)
        return kind(**{name: rebuilt(hints[name], one) for name, one in value.items()})  # type: ignore[operator]
    origin, inner = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        return None if value is None else rebuilt(next(one for one in inner if one is not type(None)), value)
    if kind is float:
        return math.nan if value is None else float(value)
    if origin in (tuple, list, Sequence):
        of = inner[:-1] if inner[-1] is ... else inner
        return tuple(rebuilt(of[place % len(of)], one) for place, one in enumerate(value))
    if origin in (dict, Mapping):
        key = inner[0]
        return {key(name) if key in (int, float) else name: rebuilt(inner[1], one) for name, one in value.items()}
    return value
