"""What is known of many training runs, in a small JSON file: a line that names the format, then one line per record."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, ClassVar, Generic, Protocol, TypeVar

from .errors import BrokenFile
from .files import parsed, write_atomically

__all__ = ["Rows"]


class Recorded(Protocol):
    """A record of a run: a frozen dataclass with the name of its recipe."""

    __dataclass_fields__: ClassVar[dict[str, Any]]

    @property
    def recipe(self) -> str: ...


Row = TypeVar("Row", bound=Recorded)


@dataclass(frozen=True)
class Rows(Generic[Row]):
    """Records of runs, each a dataclass with the name of its `recipe`; subclasses say what they are and ask them.

    form: the name of the file's format. row: the class of a record. what, remedy: for the error about a damaged file,
    what it does not hold and what to do.
    """

    runs: tuple[Row, ...]

    form: ClassVar[str]
    row: ClassVar[type]
    what: ClassVar[str]
    remedy: ClassVar[str]

    def __iter__(self) -> Iterator[Row]:
        return iter(self.runs)

    def __len__(self) -> int:
        return len(self.runs)

    @property
    def recipes(self) -> list[str]:
        """The names of the recipes, in order."""
        return list(dict.fromkeys(run.recipe for run in self.runs))

    def save(self, path: str | os.PathLike) -> Path:
        """Write the records to `path`; an earlier file is replaced whole or not at all."""
        lines = ",\n".join(json.dumps(self.written(run), ensure_ascii=False) for run in self.runs)
        return write_atomically(path, f'{{"format": "{self.form}", "runs": [\n{lines}\n]}}\n')

    def written(self, run: Row) -> dict[str, Any]:
        """Return a record as it stands in the file."""
        return asdict(run)

    @classmethod
    def load(cls, path: str | os.PathLike) -> Rows[Row]:
        """Read what `save` wrote, lists as tuples; raise `BrokenFile` for a file that is damaged or something else."""
        try:
            table = parsed(Path(path).read_text(encoding="utf-8"))
            if table["format"] != cls.form:
                raise ValueError(f"its format is {table['format']!r}, not {cls.form!r}")
            rows = [{k: tuple(v) if isinstance(v, list) else v for k, v in row.items()} for row in table["runs"]]
            return cls(tuple(cls.row(**row) for row in rows))
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise BrokenFile(
                f"{path} holds no {cls.what} ({error}).", expected="a file that labkit wrote", do=cls.remedy
            ) from error
