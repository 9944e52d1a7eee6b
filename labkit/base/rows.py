"""Many records of one kind in a small JSON file: a line that names the format, then one line per record."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from .errors import BrokenFile
from .files import write_atomically

__all__ = ["load_rows", "save_rows"]

Kind = TypeVar("Kind")


def save_rows(path: str | os.PathLike, form: str, rows: Iterable[Mapping[str, Any]]) -> Path:
    """Write the records to `path`; an earlier file is replaced whole or not at all."""
    lines = ",\n".join(json.dumps(row, ensure_ascii=False) for row in rows)
    return write_atomically(path, f'{{"format": "{form}", "runs": [\n{lines}\n]}}\n')


def load_rows(path: str | os.PathLike, form: str, kind: type[Kind], what: str, do: str) -> tuple[Kind, ...]:
    """Return the records in `path`, each a `kind`, their lists as tuples.

    Raises `BrokenFile` for a file that is damaged or something else, saying that it holds no `what`, and what to `do`.
    """
    try:
        table = json.loads(Path(path).read_text(encoding="utf-8"))
        if table["format"] != form:
            raise ValueError(f"its format is {table['format']!r}, not {form!r}")
        return tuple(
            kind(**{k: tuple(v) if isinstance(v, list) else v for k, v in row.items()}) for row in table["runs"]
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BrokenFile(f"{path} holds no {what} ({error}).", expected="a file that labkit wrote", do=do) from error
