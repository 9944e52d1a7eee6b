"""The published index: where others found super weights, by whom, and what has been confirmed since."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

from labkit.base import toml
from labkit.base.data import data_dir
from labkit.base.errors import BrokenFile, unknown
from labkit.measurements.tables import text_table

__all__ = ["STATUSES", "PublishedWeight", "index_sources", "published", "published_table"]

STATUSES = ("confirmed", "published", "corrected")


@dataclass(frozen=True, kw_only=True)
class PublishedWeight:
    """One entry: `layers.L.mlp.down[out, into]` of a hub model; status and numbers as the file's head explains them."""

    model: str
    layer: int
    out: int
    into: int
    status: str
    sources: tuple[str, ...]
    value: float | None = None
    alone: float | None = None
    joint: float | None = None
    note: str = ""

    @property
    def address(self) -> str:
        """Its address, for edits of that model."""
        return f"layers.{self.layer}.mlp.down[{self.out}, {self.into}]"


def published(model: str | None = None) -> tuple[PublishedWeight, ...]:
    """Return the entries of the index, or those of one hub model (its id, or the part after the slash).

    Raises `UnknownName` for a model that is not in it, `BrokenFile` for a damaged file.
    """
    index = _read()
    entries = tuple(_entry(given, index["sources"]) for given in index["weight"])
    if model is None:
        return entries
    found = tuple(e for e in entries if model.lower() in (e.model.lower(), e.model.split("/")[-1].lower()))
    if not found:
        raise unknown("model in the index of super weights", model, {e.model for e in entries})
    return found


def published_table(model: str | None = None) -> str:
    """Return the entries as text, one a line."""
    rows = [
        [e.model, e.address, e.status, *(f"{x:.4g}" if x is not None else "-" for x in (e.value, e.alone)), e.note]
        for e in published(model)
    ]
    return text_table(["model", "weight", "status", "value", "times, alone", "note"], rows)


def index_sources() -> dict[str, str]:
    """Return what each source's short name stands for."""
    return _read()["sources"]


def _read() -> dict[str, Any]:
    path = data_dir() / "index" / "super_weights.toml"
    table = toml.read(path)
    toml.check_keys(table, ("sources", "weight"), str(path))
    return table


def _entry(given: dict[str, Any], sources: dict[str, str]) -> PublishedWeight:
    table = {("into" if key == "in" else key): value for key, value in given.items()}
    toml.check_keys(table, [f.name for f in fields(PublishedWeight)], "an entry of the index")
    try:
        entry = PublishedWeight(**{**table, "sources": tuple(table["sources"])})
    except (KeyError, TypeError) as error:
        raise BrokenFile(f"An entry of the index of super weights lacks something ({error}).") from error
    if entry.status not in STATUSES or not set(entry.sources) <= set(sources):
        raise BrokenFile(f"The entry {entry.address} of {entry.model} has an unknown status or source.")
    return entry
