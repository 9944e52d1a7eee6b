"""A small table that reads well in a terminal, in a notebook and to a screen reader."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

__all__ = ["Table"]


@dataclass(frozen=True)
class Table:
    """Columns by name and rows of values; `caption` says what the numbers are, with their unit."""

    caption: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Any]]

    def __str__(self) -> str:
        cells = [list(self.columns), *[[_word(value) for value in row] for row in self.rows]]
        widths = [max(len(row[i]) for row in cells) for i in range(len(self.columns))]
        lines = ["  ".join(word.ljust(width) for word, width in zip(row, widths)).rstrip() for row in cells]
        return "\n".join([self.caption, *lines])

    def html(self) -> str:
        """Return the table as HTML with a caption and scoped headers; the first column heads its row."""
        head = "".join(f'<th scope="col">{escape(name)}</th>' for name in self.columns)
        body = "".join(
            f'<tr><th scope="row">{escape(_word(first))}</th>'
            + "".join(f"<td>{escape(_word(value))}</td>" for value in rest)
            + "</tr>"
            for first, *rest in self.rows
        )
        caption = f"<caption>{escape(self.caption)}</caption>"
        return f"<table>{caption}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"

    def _repr_html_(self) -> str:
        return self.html()


def _word(value: Any) -> str:
    return f"{value:.3f}" if isinstance(value, float) else str(value)
