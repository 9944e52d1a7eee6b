"""Plan: edits in the order in which they are made; printed, saved as TOML, loaded again."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import MISSING, dataclass, fields
from pathlib import Path
from typing import Any

from labkit.base import toml
from labkit.base.errors import BadInput, unknown
from labkit.base.files import write_atomically
from labkit.base.papers import bring

from .edits import Edit, Kinds, Source

__all__ = ["Plan", "flat"]


@dataclass(frozen=True)
class Plan:
    """Edits in order; plans inside a plan are taken apart. Equal plans are equal values.

    >>> print(Plan((labkit.DropAttention(1), labkit.ZeroWeight("layers.0.mlp.down[12, 3]"))))
    drop attention of layer 1
    zero layers.0.mlp.down[12, 3]
    """

    edits: Any = ()  # given in any nesting; kept as a tuple of edits

    def __post_init__(self) -> None:
        object.__setattr__(self, "edits", flat(self.edits))

    def __iter__(self) -> Iterator[Edit]:
        return iter(self.edits)

    def __len__(self) -> int:
        return len(self.edits)

    def __str__(self) -> str:
        return "\n".join(map(str, self.edits)) or "no edits"

    def save(self, path: str | os.PathLike) -> None:
        """Write the plan to a TOML file, whole or not at all; raise `BadInput` for a path of another ending."""
        if Path(path).suffix != ".toml":
            raise BadInput(f"{path} is no name for a plan.", expected="a path that ends in .toml, which is its format")
        write_atomically(path, toml.dumps({"edit": self.as_tables()}))

    @classmethod
    def load(cls, path: str | os.PathLike) -> Plan:
        """Read a plan; raise `UnknownName` for a misspelt key or kind, `BadInput` for a value that does not fit."""
        table = toml.read(path)
        toml.check_keys(table, ["edit"], f"plan {path}")
        return cls.from_tables(table.get("edit", []))

    def as_tables(self) -> list[dict[str, Any]]:
        """Return one table per edit, of plain values only."""
        return [_table(edit) for edit in self.edits]

    @classmethod
    def from_tables(cls, tables: Any) -> Plan:
        """Return the plan that `as_tables` described."""
        if not isinstance(tables, list):
            raise BadInput(f"edit = {tables!r} is not a list of edits.", expected="[[edit]] tables, each with a kind")
        return cls(tuple(_from_table(Edit, table, f"edit {i}") for i, table in enumerate(tables, 1)))


def flat(edits: Any) -> tuple[Edit, ...]:
    """Return the edits in an edit, a plan, or any nesting of them in lists, in order."""
    if isinstance(edits, Edit):
        return (edits,)
    if isinstance(edits, str | type) or not isinstance(edits, Iterable):
        shown = f"the class {edits.__name__}" if isinstance(edits, type) else repr(edits)
        raise BadInput(f"{shown} is not an edit.", expected='an edit such as ZeroWeight("final_norm[0]"), or a Plan')
    return tuple(edit for item in edits for edit in flat(item))


def _table(value: Any) -> Any:
    """Return an edit, source or plan as plain tables and lists; leave plain values alone."""
    if isinstance(value, Plan):
        return value.as_tables()
    if isinstance(value, tuple):
        return list(value)
    if not isinstance(value, Kinds):
        return value
    given = {field.name: getattr(value, field.name) for field in fields(value)}  # type: ignore[arg-type]
    return {"kind": value.kind, **{name: _table(item) for name, item in given.items() if item is not None}}


def _from_table(base: type[Kinds], table: Any, where: str) -> Any:
    """Return the edit or source that a table describes; `where` names the table in errors."""
    if not isinstance(table, Mapping):
        raise BadInput(f"{where} is {table!r}.", expected="a table with a kind")
    given = dict(table)
    if "kind" not in given:
        raise BadInput(f"{where} has no kind.", expected=f"kind = one of {', '.join(sorted(base.kinds))}")
    kind = given.pop("kind")
    if isinstance(kind, str) and kind not in base.kinds:
        bring("edits", kind)
    if not isinstance(kind, str) or kind not in base.kinds:
        raise unknown(
            f"kind of {base.__name__.lower()}", kind, base.kinds, do="import the module that defines it first"
        )
    cls = base.kinds[kind]
    toml.check_keys(given, [field.name for field in fields(cls)], f"{where} ({kind})")
    for field in fields(cls):
        needed = field.default is MISSING and field.default_factory is MISSING
        if needed and field.name not in given:
            raise BadInput(f"{where} ({kind}) has no {field.name}.", expected=f"{field.name} = {field.type}")
    return cls(**{name: _value(name, item, where) for name, item in given.items()})


def _value(name: str, item: Any, where: str) -> Any:
    if isinstance(item, Mapping):
        return _from_table(Source, item, f"{where}, {name}")
    if name == "plan":
        return Plan.from_tables(item)
    return tuple(item) if isinstance(item, list) else item
