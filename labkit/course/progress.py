"""The reader's own record: predictions, answers, hints taken. One JSON file in `my/`, no account, no network.

Several notebooks may be open at once, so nothing is kept in memory: every change locks, reads, merges and replaces.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from importlib import import_module
from pathlib import Path
from typing import Any

from labkit.base.data import my_dir
from labkit.base.errors import BrokenFile
from labkit.base.files import write_atomically

__all__ = ["ProgressStore"]

_FORMAT = 1
_THREADS = threading.Lock()  # where the system has no file locks, at least our own threads take turns


class ProgressStore:
    """The file `progress.json` in the reader's folder.

    `read()` gives the whole record; `update(change)` changes it so that nobody else's change is lost. A file that
    cannot be understood is set aside as `progress.json.broken`, `say` is told, and a new one begins.
    """

    def __init__(self, path: str | os.PathLike | None = None, say: Callable[[str], None] = print):
        self.path = Path(path) if path is not None else my_dir() / "progress.json"
        self._say = say

    def read(self) -> dict[str, Any]:
        """Return the record, empty when there is none yet. Needs no lock: the file is always whole."""
        try:
            return self._parsed()
        except OSError as error:
            raise BrokenFile(
                f"Could not read {self.path.name} ({error.strerror}).", do="check its permissions"
            ) from error
        except (ValueError, RecursionError):
            with self._alone():
                return self._parsed_or_set_aside()

    def update(self, change: Callable[[dict[str, Any]], Any]) -> Any:
        """Let `change` edit the newest record in place, write it whole, and return what `change` returned.

        Raises `BrokenFile` when the disk refuses; the old record is then untouched.
        """
        with self._alone():
            record = self._parsed_or_set_aside()
            result = change(record)
            write_atomically(self.path, json.dumps(record, indent=1, ensure_ascii=False, sort_keys=True) + "\n")
            return result

    def lesson(self, lesson_id: str) -> dict[str, Any]:
        """Return the part of one lesson: `{"predictions": {...}, "exercises": {...}}`."""
        return _part(self.read(), lesson_id)

    def change(
        self, lesson_id: str, kind: str, item_id: str, fields: Callable[[dict[str, Any]], dict[str, Any]]
    ) -> dict[str, Any]:
        """Merge what `fields(entry)` gives into one entry (`kind`: "predictions" or "exercises"), and return it."""

        def merge(record: dict[str, Any]) -> dict[str, Any]:
            entry = _part(record, lesson_id)[kind].setdefault(item_id, {})
            entry.update(fields(dict(entry)))
            return dict(entry)

        return self.update(merge)

    def _parsed(self) -> dict[str, Any]:
        """Return the record; raise `ValueError` or `RecursionError` when it cannot be understood."""
        try:
            record = json.loads(self.path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return _empty()
        _check_shape(record)
        return record

    def _parsed_or_set_aside(self) -> dict[str, Any]:
        """Return the record; set aside one that cannot be understood. To be called while alone."""
        try:
            return self._parsed()
        except (ValueError, RecursionError) as error:
            aside = self.path.with_name(self.path.name + ".broken")
            number = 2
            while aside.exists():
                aside = self.path.with_name(f"{self.path.name}.broken-{number}")
                number += 1
            os.replace(self.path, aside)
            name = self.path.name
            self._say(f"{name} could not be understood ({error}). It is kept as {aside.name}; a new one begins here.")
            return _empty()

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Be the only one, among threads and among notebooks, who works on the file."""
        with _THREADS:
            try:
                self.path.parent.mkdir(parents=True, exist_ok=True)
                handle = open(self.path.with_name(f".{self.path.name}.lock"), "a+b")  # noqa: SIM115 (closed below)
            except OSError as error:
                raise BrokenFile(
                    f"Could not use the folder {self.path.parent} ({error.strerror or error}).",
                    expected="a folder in which files may be written",
                    do="set the environment variable LABKIT_MY to a folder of your own",
                ) from error
            with handle:  # closing releases the lock, also when the process is killed
                _lock(handle)
                yield


def _lock(handle: Any) -> None:
    try:
        import fcntl
    except ImportError:  # Windows
        msvcrt: Any = import_module("msvcrt")

        handle.seek(0)
        with suppress(OSError):  # after ten seconds of waiting we go on: a lost tick is better than a stuck lesson
            msvcrt.locking(handle.fileno(), msvcrt.LK_LOCK, 1)
        return
    with suppress(OSError):  # some network folders have no locks; replacing the file whole still keeps it readable
        fcntl.flock(handle, fcntl.LOCK_EX)


def _empty() -> dict[str, Any]:
    return {"format": _FORMAT, "lessons": {}}


def _part(record: dict[str, Any], lesson_id: str) -> dict[str, Any]:
    part = record["lessons"].setdefault(lesson_id, {})
    part.setdefault("predictions", {})
    part.setdefault("exercises", {})
    return part


def _check_shape(record: Any) -> None:
    """Raise `ValueError` unless `record` is what this file writes."""
    if not isinstance(record, dict) or record.get("format") != _FORMAT or not isinstance(record.get("lessons"), dict):
        raise ValueError("it is not a progress record of this version of labkit")
    for lesson_id, part in record["lessons"].items():
        if not isinstance(part, dict):
            raise ValueError(f"its entry for lesson {lesson_id} is not a table")
        for kind in ("predictions", "exercises"):
            entries = part.get(kind, {})
            if not isinstance(entries, dict) or not all(isinstance(entry, dict) for entry in entries.values()):
                raise ValueError(f"its {kind} of lesson {lesson_id} are not tables")
            for name, entry in entries.items():
                if bent := [field for field in entry if not _fits(field, entry)]:
                    raise ValueError(f"its {bent[0]} at {name} of lesson {lesson_id} is not what labkit writes")


def _fits(field: str, entry: dict[str, Any]) -> bool:
    """Whether a field of an entry holds what this package writes there."""
    value = entry[field]
    if field in ("attempts", "hints"):
        return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 10**6
    if field == "status":
        return value in ("right", "wrong", "not attempted")
    if field in ("choice", "letter", "confidence"):
        return value is None or isinstance(value, str)
    return True
