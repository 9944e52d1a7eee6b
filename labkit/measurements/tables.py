"""Rows as aligned plain text, or as a table of Markdown."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["markdown_table", "text_table"]


def text_table(headings: Sequence[str], rows: Sequence[Sequence[str]], *, title: str = "") -> str:
    """Return a table: the first column reads from the left, the others (numbers) line up on the right."""
    lines = [list(headings), *map(list, rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(headings))]
    shown = [
        "  ".join(
            cell.rjust(width) if column else cell.ljust(width) for column, (cell, width) in enumerate(zip(line, widths))
        )
        for line in lines
    ]
    rule = "-" * len(shown[0])
    return "\n".join([*([title] if title else []), shown[0].rstrip(), rule, *(line.rstrip() for line in shown[1:])])


def markdown_table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table that a notebook shows."""
    return "\n".join(f"| {' | '.join(line)} |" for line in [headings, ["---"] * len(headings), *rows])
