"""TOML in, TOML out: the format of recipes, plans, cards and claims.

Python reads TOML from 3.11 on; tomli-w writes it.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import tomli_w

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
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
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
    """Return `table` as TOML text; names whose value is None are left out.

    Raises `BadInput` for a value that TOML has no form for.
    """
    try:
        return tomli_w.dumps(_without_none(table))
    except (TypeError, ValueError) as error:
        raise BadInput(
            f"This table cannot be written as TOML: {error}.",
            expected="text, numbers, true or false, lists and tables of these",
        ) from error


def _without_none(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _without_none(inner) for key, inner in value.items() if inner is not None}
    return [_without_none(inner) for inner in value] if isinstance(value, list | tuple) else value
