"""Files that are whole or absent: nothing half-written survives a kill or a full disk."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from pathlib import Path
from typing import Any

from .errors import BrokenFile

__all__ = ["parsed", "sha256", "write_atomically"]


def write_atomically(path: str | os.PathLike, data: bytes | str) -> Path:
    """Write `data` to `path` so that readers see the old file or the new one, never a part of it.

    Raises `BrokenFile` when the disk refuses; the old file is then untouched.
    """
    path = Path(path)
    payload = data.encode("utf-8") if isinstance(data, str) else data
    temporary: str | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        with os.fdopen(handle, "wb") as file:
            file.write(payload)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o644)  # mkstemp makes private files; ours are meant to be read
        os.replace(temporary, path)
    except OSError as error:
        raise BrokenFile(
            f"Could not write {path} ({error.strerror or error}).",
            expected=f"{len(payload):,} bytes of room and permission to write in {path.parent}",
            do="free some space or choose another folder; the previous file, if any, is unchanged",
        ) from error
    finally:
        if temporary is not None and os.path.exists(temporary):
            os.unlink(temporary)
    return path


def sha256(path: str | os.PathLike) -> str:
    """Return the hexadecimal SHA-256 of a file's bytes."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()


def parsed(text: str | bytes) -> Any:
    """Return what a JSON text says; raise `ValueError` when it cannot be read, also for one nested without end."""
    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError("it is nested too deep") from None
