"""What a panel keeps in data/sweeps so that it answers without torch: one small JSON file for one model.

NAME.json is for the model a panel is about, lab/deep; what was measured on another has that model's name after it.
An estimate is kept as value, ends of its interval and number of units; the values per unit are left out, for they are
what a measurement is large by. `labkit sweep NAME` writes the files.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from labkit.base.data import data_dir
from labkit.base.errors import BrokenFile
from labkit.base.files import parsed, write_atomically
from labkit.base.toml import check_keys
from labkit.measurements.estimate import Estimate

if TYPE_CHECKING:
    from labkit.zoo import ModelLike

__all__ = ["estimate_of", "load_measured", "save_measured", "summary"]

FORMAT = "labkit panel 1"
DECIMALS = 5
USUAL = "lab/deep"
_KEYS = ("format", "model", "fingerprint", "how", "measured")


def save_measured(name: str, handle: Any, how: str, measured: Mapping[str, Any], folder: Path | None = None) -> Path:
    """Write what was measured on `handle`, and in words how; one line per entry of `measured`."""
    from labkit.anatomy import fingerprint

    head = {"format": FORMAT, "model": handle.name, "fingerprint": fingerprint(handle), "how": how}
    body = ",\n".join(f"  {json.dumps(key)}: {_line(value)}" for key, value in measured.items())
    path = (folder or data_dir() / "sweeps") / _file(name, handle)
    return write_atomically(path, f'{_line(head)[:-1]}, "measured": {{\n{body}\n}}}}\n')


def load_measured(model: ModelLike, name: str, folder: Path | None = None) -> dict[str, Any] | None:
    """Return what was kept under a name for a model, or None where nothing was.

    model: a name, or a handle, for which the file counts only when it was made with exactly these weights.
    Raises `BrokenFile` for a file that is damaged.
    """
    path = (folder or data_dir() / "sweeps") / _file(name, model)
    if not path.is_file():
        return None
    try:
        table = parsed(path.read_text(encoding="utf-8"))
        check_keys(table, _KEYS, str(path))
        if table["format"] != FORMAT or set(table) != set(_KEYS):
            raise ValueError(f"its format is {table['format']!r}, not {FORMAT!r}")
    except (ValueError, KeyError, TypeError) as error:
        raise BrokenFile(
            f"{path} is not whole ({type(error).__name__}: {error}).",
            expected="a file that labkit sweep wrote",
            do="restore it from a copy, or write it again",
        ) from error
    return table["measured"] if _is_of(table, model) else None


def summary(estimate: Estimate) -> list[float | int | None]:
    """Return value, low, high and n, as a file keeps them."""
    return [*map(_rounded, (estimate.value, estimate.low, estimate.high)), estimate.n]


def estimate_of(row: list, **about: Any) -> Estimate:
    """Return what `summary` kept as an estimate; about: its name, unit, null and what it is over."""
    value, low, high = (math.nan if number is None else float(number) for number in row[:3])
    return Estimate(value=value, low=low, high=high, n=int(row[3]), **about)


def _file(name: str, model: ModelLike) -> str:
    whose = model if isinstance(model, str) else getattr(model, "name", "")
    return f"{name}.json" if whose in (USUAL, "") else f"{name}_{whose.replace('/', '_')}.json"


def _is_of(table: Mapping[str, Any], model: ModelLike) -> bool:
    if isinstance(model, str):
        return table["model"] == model
    if table["model"] != getattr(model, "name", None):
        return False
    from labkit.anatomy import fingerprint

    return table["fingerprint"] == fingerprint(model)


def _rounded(number: float) -> float | None:
    return round(number, DECIMALS) + 0.0 if math.isfinite(number) else None


def _line(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
