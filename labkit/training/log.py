"""The log of a run: one JSON object a line. What was tried is read from here, also when it failed.

Events: start (recipe, seed, versions), step (loss, lr, tokens, …), resumed, interrupted, diverged, finished.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from labkit.base.errors import BrokenFile
from labkit.base.files import parsed, write_atomically

__all__ = ["Log", "read_log"]


def read_log(path: str | Path) -> list[dict[str, Any]]:
    """Return the entries of a log; a last line cut short is left out, other damage raises `BrokenFile`."""
    try:
        lines = Path(path).read_bytes().split(b"\n")
    except OSError as error:
        raise BrokenFile(f"Could not read the log {path} ({error.strerror}).", do="check the path") from error
    whole, rest = lines[:-1], lines[-1]
    entries = []
    for number, line in enumerate([*whole, rest] if rest else whole, start=1):
        try:
            entry = parsed(line)
            if not isinstance(entry, dict) or "event" not in entry:
                raise ValueError("no event in it")
        except ValueError as error:
            if number > len(whole):
                break  # written when the power went
            raise BrokenFile(
                f"Line {number} of {path} is damaged ({error}).",
                expected="one JSON object with an event on each line",
                do="restore the file from a copy, or train again into a new folder",
            ) from error
        entries.append(entry)
    return entries


class Log:
    """Appends entries, each a whole line."""

    def __init__(self, path: Path):
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)

    def entries(self) -> list[dict[str, Any]]:
        """Return what is there: nothing when the run was killed before its first line."""
        return read_log(self.path) if self.path.is_file() else []

    def rewind(self, step: int) -> None:
        """Forget the steps after `step`: those that a resumed run will take again."""
        kept = [e for e in self.entries() if e["event"] != "step" or e["step"] <= step]
        write_atomically(self.path, "".join(json.dumps(entry) + "\n" for entry in kept))

    def write(self, event: str, **values: Any) -> dict[str, Any]:
        """Append one entry and return it."""
        entry = {"event": event, **values}
        try:
            with self.path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(entry) + "\n")
        except OSError as error:
            raise BrokenFile(
                f"Could not write to the log {self.path} ({error.strerror}).",
                do="free some space; the run goes on from its last checkpoint",
            ) from error
        return entry
