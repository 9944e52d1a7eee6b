"""The learner edition: copies of the lessons without outputs, in the reader's own folder, never overwritten.

What was laid out is noted in `my/.editions.json`; a file that is still as we left it is refreshed, any other is the
reader's, and a newer lesson is put beside it. JupyterLab cuts long names at their end, so what a notebook is stands
first there: `deeper_00_….ipynb`, not `00_…_deeper.ipynb`.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from labkit.base.data import lessons_dir, my_dir
from labkit.base.errors import BrokenFile
from labkit.base.files import parsed, write_atomically

from .stamps import without_badges
from .start_here import start_here

__all__ = ["lay_out", "learner_edition"]

_NOTE = ".editions.json"
_KIND_LAST = re.compile(r"(\d\d_\w+?)_(deeper|solutions)\.ipynb")


def learner_edition(notebook: Path) -> str:
    """Return a notebook's text without outputs, counts, badges and metadata that could pair it with a source.

    Raises `BrokenFile` for one that is damaged.
    """
    kept = ("kernelspec", "language_info")
    try:
        table = parsed(notebook.read_text(encoding="utf-8"))
        for cell in table["cells"]:
            if cell["cell_type"] == "code":
                cell["outputs"], cell["execution_count"] = [], None
            elif cell["cell_type"] == "markdown":
                text = without_badges("".join(cell["source"]))
                text = _kind_first(text.replace("(../../README.md#the-lessons)", "(../START_HERE.md)"))
                cell["source"] = text.splitlines(keepends=True)
        table["metadata"] = {name: value for name, value in table["metadata"].items() if name in kept}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise BrokenFile(
            f"{notebook} is damaged ({error}).",
            expected="a notebook of the course",
            do="git restore it, or install again",
        ) from error
    return json.dumps(table, indent=1, ensure_ascii=False, sort_keys=True) + "\n"


def lay_out(folder: Path | None = None, lessons: Path | None = None, say: Callable[[str], None] = print) -> list[Path]:
    """Copy the learner edition of every lesson into `folder`; return the files written.

    A file that the reader changed is left alone; if its lesson has changed since, the newer one is put beside it.
    """
    folder = Path(folder) if folder is not None else my_dir()
    lessons = Path(lessons) if lessons is not None else lessons_dir()
    note = _read_note(folder / _NOTE)
    before = dict(note)
    offered = {}
    for path in sorted(lessons.glob("[!.]*/*.ipynb")):
        try:
            offered[_kind_first(path.relative_to(lessons).as_posix())] = learner_edition(path)
        except BrokenFile as error:  # the other lessons can be read all the same
            say(f"{error.what} It is left out; the others are laid out. Try: {error.do}")
    offered["START_HERE.md"] = _kind_first(start_here(lessons))
    written = []
    for name, text in offered.items():
        target = _target(folder, name, text, note, say)
        if target is not None:
            write_atomically(folder / target, text)
            note[target] = _hash(text)
            written.append(folder / target)
        elif (folder / name).read_bytes() == text.encode():
            note[name] = _hash(text)
        note[f"offered {name}"] = _hash(text)
    if note != before:
        write_atomically(folder / _NOTE, json.dumps(note, indent=1, sort_keys=True) + "\n")
    return written


def _kind_first(text: str) -> str:
    """Return a name or a text with every notebook called as it is in the reader's folder."""
    return _KIND_LAST.sub(r"\2_\1.ipynb", text)


def _target(folder: Path, name: str, text: str, note: Mapping[str, str], say: Callable[[str], None]) -> str | None:
    """Return under which name `text` is to be written, or None when the reader has it already."""
    here = folder / name
    if not here.exists():
        return name
    if _untouched(here, note.get(name)):
        return name if note[name] != _hash(text) else None
    if note.get(f"offered {name}") == _hash(text) or here.read_bytes() == text.encode():
        return None  # nothing new since the copy was made: the reader's work stands alone
    stem, suffix = name.rsplit(".", 1)
    number = 1
    while True:
        beside = f"{stem}.newer{f'-{number}' if number > 1 else ''}.{suffix}"
        if not (folder / beside).exists() or _untouched(folder / beside, note.get(beside)):
            break
        number += 1
    say(f"{name} is yours and stays as it is; the lesson has a newer version, put beside it: {beside}")
    return beside


def _untouched(path: Path, written: str | None) -> bool:
    return written is not None and hashlib.sha256(path.read_bytes()).hexdigest() == written


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


def _read_note(path: Path) -> dict[str, str]:
    """Return the note of what was laid out; without a readable one every file counts as the reader's."""
    try:
        note: Any = parsed(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return {str(key): str(value) for key, value in note.items()} if isinstance(note, dict) else {}
