"""Runs: what many small trainings found, one JSON line each; what is there already is not trained again.

    runs = Runs("runs/04/needle.jsonl")
    for arm, seed in product(ARMS, SEEDS):
        runs.do({"arm": arm, "lr": 4e-3, "seed": seed}, lambda: train_one(arm, 4e-3, seed))

A run is known by its settings. The file is written under a lock, so that two processes can share the work.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from filelock import FileLock

from labkit.base.errors import BadInput, BrokenFile
from labkit.base.files import parsed, write_atomically

__all__ = ["Runs"]


class Runs:
    """A file of runs: settings, and what was found. Iterating yields both in one dict, settings first."""

    def __init__(self, path: str | Path):
        self.path = Path(path)

    def do(self, settings: Mapping[str, Any], train: Callable[[], Mapping[str, Any]]) -> dict[str, Any]:
        """Return what the run with these settings found, training it only if that is not yet known.

        Raises `BadInput` when `train` returns a name that is also a setting.
        """
        if (known := self.find(**settings)) is not None:
            return known
        found = dict(train())
        if both := set(found) & set(settings):
            raise BadInput(f"A run found {sorted(both)}, which are its settings.", expected="other names")
        line = json.dumps({"settings": dict(settings), "found": found}, ensure_ascii=False) + "\n"
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{self.path}.lock"):
            before = self.path.read_bytes() if self.path.is_file() else b""
            whole = before[: before.rfind(b"\n") + 1]  # a line cut short goes
            write_atomically(self.path, whole + line.encode())
        return {**settings, **found}

    def find(self, **settings: Any) -> dict[str, Any] | None:
        """Return the run with exactly these settings, or None."""
        wanted = json.loads(json.dumps(settings))
        for entry in self._entries():
            if entry["settings"] == wanted:
                return {**entry["settings"], **entry["found"]}
        return None

    def where(self, **settings: Any) -> list[dict[str, Any]]:
        """Return the runs whose settings agree with these, in the order in which they were made."""
        wanted = json.loads(json.dumps(settings))
        return [run for run in self if all(run.get(name) == value for name, value in wanted.items())]

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return ({**entry["settings"], **entry["found"]} for entry in self._entries())

    def __len__(self) -> int:
        return len(self._entries())

    def _entries(self) -> list[dict[str, Any]]:
        if not self.path.is_file():
            return []
        entries = []
        lines = self.path.read_text(encoding="utf-8").split("\n")
        for number, line in enumerate(lines, 1):
            if not line:
                continue
            try:
                entry = parsed(line)
                entries.append({"settings": entry["settings"], "found": entry["found"]})
            except (ValueError, KeyError, TypeError) as error:
                if number == len(lines):
                    break  # cut short when the power went; the run is made again
                raise BrokenFile(
                    f"Line {number} of {self.path} is damaged ({error!r}).",
                    expected="one run a line",
                    do="restore the file, or remove the line: its run is made again",
                ) from error
        return entries
