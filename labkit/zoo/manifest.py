"""The manifest: which models come with the course, and the hash of each of their files."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from labkit.base import toml
from labkit.base.data import data_dir
from labkit.base.errors import BrokenFile
from labkit.base.files import sha256, write_atomically

__all__ = ["CARD", "Entry", "File", "card_of", "entries", "folder_of", "models", "record", "verify"]

CARD = "card.toml"
_AGAIN = "restore the file (git checkout, or install labkit again)"


@dataclass(frozen=True)
class File:
    """A file of a shipped model: its name in the model's folder, its hash, its size."""

    path: str
    sha256: str
    bytes: int


@dataclass(frozen=True)
class Entry:
    """A shipped model."""

    name: str
    params: int
    files: tuple[File, ...]


def folder_of(name: str) -> Path:
    """Return the folder of a shipped model."""
    return data_dir() / "models" / name


def _path() -> Path:
    return data_dir() / "models" / "manifest.json"


def entries() -> dict[str, Entry]:
    """Return the shipped models by name; raise `BrokenFile` when the manifest cannot be read."""
    if not _path().is_file():
        return {}
    try:
        listed = json.loads(_path().read_text(encoding="utf-8"))["models"]
        made = [Entry(m["name"], m["params"], tuple(File(**f) for f in m["files"])) for m in listed]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BrokenFile(
            f"{_path()} is damaged ({error!r}).", expected="the list of shipped models", do=_AGAIN
        ) from error
    return {entry.name: entry for entry in made}


def verify(entry: Entry) -> None:
    """Raise `BrokenFile` for the first file of a shipped model that is missing, cut short or changed."""
    for file in entry.files:
        path = folder_of(entry.name) / file.path
        if not path.is_file():
            raise BrokenFile(f"{path} is missing.", expected=f"a file of {entry.name}", do=_AGAIN)
        size = path.stat().st_size
        if size != file.bytes:
            raise BrokenFile(f"{path} has {size:,} bytes.", expected=f"{file.bytes:,}", do=_AGAIN)
        found = sha256(path)
        if found != file.sha256:
            raise BrokenFile(
                f"{path} is not the file that was shipped (SHA-256 {found[:12]}…).",
                expected=f"{file.sha256[:12]}…",
                do=_AGAIN,
            )


def record(name: str, params: int, paths: list[str]) -> Entry:
    """Write the manifest's entry of a model whose files are in place."""
    folder = folder_of(name)
    files = tuple(File(p, sha256(folder / p), (folder / p).stat().st_size) for p in sorted(paths))
    known = {**entries(), name: Entry(name, params, files)}
    table = {"models": [asdict(known[key]) for key in sorted(known)]}
    write_atomically(_path(), json.dumps(table, indent=2) + "\n")
    return known[name]


def card_of(name: str) -> dict[str, Any]:
    """Return the card of a shipped model."""
    return toml.read(folder_of(name) / CARD)


def models() -> list[dict[str, Any]]:
    """Return one table per shipped model: name, params, bytes, whether its files are whole, and its card."""
    listed = []
    for entry in entries().values():
        problem, card = None, {}
        try:
            verify(entry)
            card = card_of(entry.name)
        except BrokenFile as error:
            problem = str(error)
        size = sum(file.bytes for file in entry.files)
        about = {"name": entry.name, "params": entry.params, "bytes": size, "ok": problem is None, "problem": problem}
        listed.append({**about, "card": card})
    return listed
