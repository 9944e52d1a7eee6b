"""Running a handed-in notebook again, in a room of its own, and judging what it checked.

Answers that are data are judged here; one that is code is called in that room by our checker, and its row says so.
"""

from __future__ import annotations

import json
import re
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import sandbox
from .catalogue import definitions
from .exercises import Exercise, judge
from .running import from_plain

__all__ = ["Ran", "run_again"]

_MOST_RECORD, _MOST_BESIDE = 8 << 20, 50 << 20  # bytes


@dataclass(frozen=True)
class Ran:
    """What a notebook's checks put on record, by lesson and exercise, and what kept it from its end."""

    exercises: dict[str, dict[str, dict[str, Any]]]
    problem: str = ""


def run_again(path: Path, seconds: float, inside: bool) -> Ran:
    """Execute a notebook in a folder with what was handed in beside it, and judge what it checked."""
    with tempfile.TemporaryDirectory() as folder:
        room = Path(folder)
        _copy_beside(path, room)
        shutil.copyfile(path, room / "notebook.ipynb")
        record = room / "answers.jsonl"
        record.touch()
        (room / "my").mkdir(exist_ok=True)
        problem = sandbox.run(
            "labkit.course.running", ["notebook.ipynb", "answers.jsonl"], room, seconds, inside=inside
        )
        lines = _lines(record)
    exercises: dict[str, dict[str, dict[str, Any]]] = {}
    listed = _exercises()
    for line in lines:
        if error := line.get("error"):
            problem = problem or f"an error in it went on: {error}"
        name = line.get("exercise", "")
        lesson, exercise = listed.get(name, (name.split(".")[0], None))
        if not re.fullmatch(r"\w{1,8}\.\w{1,8}", name) or (exercise is None and lesson in definitions()):
            continue
        entry = exercises.setdefault(lesson, {}).setdefault(name, {"attempts": 0})
        if entry.get("status") == "right":  # once right stays right
            continue
        entry |= {"attempts": entry["attempts"] + 1, **_judged(exercise, line)}
    if not problem and not any(line.get("end") for line in lines):
        problem = "it did not come to its end"
    return Ran(exercises, problem)


def _judged(exercise: Exercise | None, line: dict[str, Any]) -> dict[str, Any]:
    """Return what becomes of an answer: data is judged here; of code, or in a lesson of the teacher's own that we do
    not know, we have what was said beside it."""
    if exercise is not None and "answer" in line:
        try:
            return {"status": judge(exercise, from_plain(line["answer"])).status, "called": False}
        except (ValueError, TypeError, RecursionError, RuntimeError):
            return {"status": "wrong", "called": False}
    status = line.get("status")
    return {"status": status if status in ("right", "wrong") else "wrong", "called": True}


def _lines(record: Path) -> list[dict[str, Any]]:
    """Return the lines of a record that are whole; a hand-in may have written anything there."""
    found = []
    if record.is_symlink() or not record.is_file():
        return []
    with record.open("rb") as file:
        for raw in file.read(_MOST_RECORD).splitlines():
            try:
                line = json.loads(raw)
            except (ValueError, RecursionError):
                continue
            if isinstance(line, dict) and all(isinstance(line.get(key, ""), str) for key in ("exercise", "error")):
                found.append(line)
    return found


def _copy_beside(path: Path, room: Path) -> None:
    """Copy the plain files that lie beside a notebook, as far as they are small."""
    left = _MOST_BESIDE
    for other in sorted(path.parent.iterdir()):
        if other == path or other.is_symlink() or not other.is_file() or other.suffix == ".ipynb":
            continue
        left -= other.stat().st_size
        if left >= 0:
            shutil.copyfile(other, room / other.name)


def _exercises() -> dict[Any, tuple[str, Exercise]]:
    return {one.id: (lesson, one) for lesson, known in definitions().items() for one in known.exercises}
