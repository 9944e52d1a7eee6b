"""The manifests: which models come with the course, and the hash of each of their files, in each model's own folder."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from labkit.base import toml
from labkit.base.data import data_dir
from labkit.base.errors import BrokenFile
from labkit.base.files import parsed, sha256, write_atomically

__all__ = ["CARD", "Entry", "File", "card_of", "entries", "folder_of", "models", "record", "verify"]

CARD, MANIFEST = "card.toml", "manifest.json"
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


def _root() -> Path:
    return data_dir() / "models"


def entries() -> dict[str, Entry]:
    """Return the shipped models by name; raise `BrokenFile` when a manifest cannot be read."""
    return {entry.name: entry for entry in map(_read, sorted(_root().rglob(MANIFEST)))}


def _read(path: Path) -> Entry:
    try:
        table = parsed(path.read_text(encoding="utf-8"))
        entry = Entry(table["name"], table["params"], tuple(File(**file) for file in table["files"]))
        kinds = [(entry.name, str), (entry.params, int)]
        kinds += [pair for file in entry.files for pair in zip((file.path, file.sha256, file.bytes), (str, str, int))]
        if not entry.files or not all(type(value) is kind for value, kind in kinds):
            raise ValueError("a value in it is of another type")
        if path.parent != folder_of(entry.name):
            raise ValueError(f"it is that of {entry.name}")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BrokenFile(f"{path} is damaged ({error!r}).", expected="the files of one model", do=_AGAIN) from error
    return entry


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
    """Write the manifest of a model whose files are in place."""
    folder = folder_of(name)
    files = tuple(File(p, sha256(folder / p), (folder / p).stat().st_size) for p in sorted(paths))
    entry = Entry(name, params, files)
    write_atomically(folder / MANIFEST, json.dumps(asdict(entry), indent=2) + "\n")
    return entry


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
