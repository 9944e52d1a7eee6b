"""TOML in, TOML out: the format of recipes, plans, cards and claims.

Python reads TOML from 3.11 on but never writes it; the small writer here covers the plain tables we use.
"""

from __future__ import annotations

import json
import math
import os
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from .errors import BadInput, BrokenFile, unknown

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

__all__ = ["check_keys", "dumps", "read"]


def read(path: str | os.PathLike) -> dict[str, Any]:
    """Return the table in a TOML file; raise `BrokenFile` with the line when it does not parse."""
    try:
        return tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BrokenFile(f"{path} is not valid TOML: {error}.", do="open the file at that line and mend it") from error
    except OSError as error:
        raise BrokenFile(f"Could not read {path} ({error.strerror}).", do="check the path") from error


def check_keys(table: Mapping[str, Any], allowed: Iterable[str], where: str) -> None:
    """Raise `UnknownName` for the first key of `table` that is not allowed, so that no misspelling is silent."""
    allowed = set(allowed)
    for key in table:
        if key not in allowed:
            raise unknown(f"key in {where}", key, allowed)


def dumps(table: Mapping[str, Any]) -> str:
    """Return `table` as TOML text: values first, then tables, then arrays of tables."""
    return "\n".join(_table_lines(table, ())).strip() + "\n"


def _table_lines(table: Mapping[str, Any], path: tuple[str, ...]) -> list[str]:
    lines, tables, arrays = [], [], []
    for key, value in table.items():
        if isinstance(value, Mapping):
            tables.append((key, value))
        elif isinstance(value, list | tuple) and value and all(isinstance(item, Mapping) for item in value):
            arrays.append((key, value))
        elif value is not None:
            lines.append(f"{_key(key)} = {_value(value)}")
    for key, value in tables:
        name = ".".join(map(_key, (*path, key)))
        lines += ["", f"[{name}]", *_table_lines(value, (*path, key))]
    for key, items in arrays:
        name = ".".join(map(_key, (*path, key)))
        for item in items:
            lines += ["", f"[[{name}]]", *_table_lines(item, (*path, key))]
    return lines


def _key(key: str) -> str:
    bare = key.replace("-", "").replace("_", "")
    return key if bare.isalnum() and bare.isascii() else json.dumps(key, ensure_ascii=False)


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return repr(value) if math.isfinite(value) else ("nan" if math.isnan(value) else f"{value}")
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_key(k)} = {_value(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_value, value)) + "]"
    raise BadInput(
        f"{value!r} of type {type(value).__name__} cannot be written as TOML.",
        expected="text, a number, true or false, a list or a table",
    )
