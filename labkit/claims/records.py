"""What was measured for a claim: one number (or pair) per unit, and enough to say where it came from."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from labkit.base.data import data_dir
from labkit.base.errors import BadInput, BrokenFile, LabkitError
from labkit.base.files import parsed, write_atomically
from labkit.base.numbers import finite
from labkit.base.toml import check_keys

from .entry import Claim, registration

__all__ = [
    "Measured",
    "Record",
    "check_measured",
    "claims_dir",
    "log_pilot",
    "pilot_seeds",
    "read_record",
    "record_path",
    "write_record",
]


_SEAL = "sha256"


def claims_dir() -> Path:
    """Return the folder of the ledger: `NN.toml` files, `records/`, `pilots/`."""
    return data_dir() / "claims"


@dataclass(frozen=True, kw_only=True)
class Measured:
    """What a measuring function returns: one finite number (or pair) per unit, the units' names, the models used.

    `models` maps a model's name to its fingerprint, so that a record of another model is not taken for this one's.
    """

    values: tuple
    units: tuple[str, ...]
    models: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Record:
    """The committed evidence for one claim, as stored in `records/<id>.json`.

    `committed` tells whether the registered entry was in the last commit when the measuring began. `code` is the digest
    of the code that measured it ("" for records older than that).
    """

    claim: str
    registration: str
    labkit: str
    committed: bool
    seeds: tuple[int, ...]
    models: Mapping[str, str]
    units: tuple[str, ...]
    values: tuple
    code: str = ""


def check_measured(claim: Claim, measured: Measured, n: int) -> None:
    """Raise `BadInput` unless there is one finite number (a pair for a ratio) for each named unit."""
    width = 2 if claim.estimator == "ratio" else 1
    if len(measured.units) != len(measured.values) or len(set(measured.units)) != len(measured.units):
        raise BadInput(f"The units measured for {claim.id} are not named one by one.", expected="one name a value")
    if len(measured.values) != n:
        raise BadInput(
            f"{claim.measure} gave {len(measured.values)} units for {claim.id}.", expected=f"n = {n} of them"
        )
    for unit, value in zip(measured.units, measured.values):
        numbers = tuple(value) if isinstance(value, tuple | list) else (value,)
        if len(numbers) != width or not all(map(finite, numbers)):
            raise BadInput(
                f"Unit {unit} of {claim.id} measured {value!r}.",
                expected="two finite numbers" if width == 2 else "a finite number",
            )
    if width == 2 and math.fsum(below for _, below in measured.values) <= 0:
        raise BadInput(f"What {claim.id} divides by adds up to 0 or less.", expected="a sum above 0")


def write_record(record: Record, folder: Path | None = None) -> Path:
    """Write `record` under `folder` (the ledger's by default), whole or not at all."""
    table = asdict(record) | {"models": dict(record.models)}
    table = json.loads(json.dumps(table, allow_nan=False))
    lines = json.dumps(table | {_SEAL: _seal(table)}, indent=1)
    return write_atomically(record_path(record.claim, folder), lines + "\n")


def read_record(claim: Claim, folder: Path | None = None) -> Record | None:
    """Return the record of `claim`, None when it was never measured.

    Raises `BrokenFile` when the file is damaged or does not belong to the entry as it stands.
    """
    path = record_path(claim.id, folder)
    if not path.exists():
        return None
    table = _read_json(path)
    if table.pop(_SEAL, None) not in (None, _seal(table)):
        raise _mismatch(path, claim, "it was changed after it was measured (its SHA-256 is another)")
    try:
        check_keys(table, Record.__dataclass_fields__, path.name)
        record = Record(**{key: _frozen(value) for key, value in table.items()})
        measured = Measured(values=record.values, units=record.units, models=record.models)
        check_measured(claim, measured, claim.n)
    except (LabkitError, TypeError) as error:
        raise _mismatch(path, claim, str(error)) from error
    if (record.claim, record.registration) != (claim.id, registration(claim)):
        raise _mismatch(path, claim, "it was measured for another version of the entry")
    if record.seeds != claim.seeds:
        raise _mismatch(path, claim, f"it used the seeds {list(record.seeds)}, not {list(claim.seeds)}")
    return record


def pilot_seeds(claim_id: str, folder: Path | None = None) -> tuple[int, ...]:
    """Return the seeds already looked at for a claim; they can no longer confirm it."""
    path = _pilots(claim_id, folder)
    return tuple(_read_json(path).get(claim_id, ())) if path.exists() else ()


def log_pilot(claim_id: str, seeds: tuple[int, ...], folder: Path | None = None) -> None:
    """Add `seeds` to those already looked at."""
    path = _pilots(claim_id, folder)
    table = _read_json(path) if path.exists() else {}
    table[claim_id] = sorted({*table.get(claim_id, ()), *seeds})
    write_atomically(path, json.dumps(dict(sorted(table.items())), indent=1) + "\n")


def _pilots(claim_id: str, folder: Path | None) -> Path:
    """Return the file of the seeds already looked at for a lesson's claims; its number begins their ids."""
    return (folder or claims_dir()) / "pilots" / f"{claim_id[:2]}.json"


def record_path(claim_id: str, folder: Path | None) -> Path:
    return (folder or claims_dir()) / "records" / f"{claim_id}.json"


def _read_json(path: Path) -> dict[str, Any]:
    try:
        table = parsed(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BrokenFile(f"{path} cannot be read ({error}).", expected="a JSON table", do="git restore it") from error
    if not isinstance(table, dict):
        raise BrokenFile(f"{path} holds no table.", expected="a JSON table", do="git restore it")
    return table


def _seal(table: Mapping[str, Any]) -> str:
    """Return the SHA-256 of all that a record says; older records have none beside it."""
    return hashlib.sha256(json.dumps(table, sort_keys=True).encode()).hexdigest()


def _frozen(value: Any) -> Any:
    return tuple(_frozen(item) for item in value) if isinstance(value, list) else value


def _mismatch(path: Path, claim: Claim, why: str) -> BrokenFile:
    return BrokenFile(
        f"The record {path} does not match its claim: {why}",
        expected=f"what data/claims/{claim.lesson}.toml registers for {claim.id}",
        do=f"restore the entry, or register it anew with fresh seeds and run `labkit claims --run {claim.id} --write`",
    )
