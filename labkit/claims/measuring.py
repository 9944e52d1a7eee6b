"""Measuring a claim: register what will decide it, look with pilot seeds if need be, then measure on fresh ones."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable, Sequence
from importlib import import_module
from itertools import pairwise
from pathlib import Path

import labkit
from labkit.base.errors import BadInput, LabkitError, NotAvailable, OutOfOrder
from labkit.base.files import parsed, write_atomically
from labkit.base.papers import bring

from .assessment import Assessment, judge, ledger
from .digest import digest
from .entry import Claim, read_claims, registration
from .records import (
    Measured,
    Record,
    check_measured,
    claims_dir,
    log_pilot,
    pilot_seeds,
    record_path,
    write_record,
)

__all__ = ["measure", "pilot", "register"]


def measure(claim_id: str, *, folder: Path | None = None, write: bool = True) -> Assessment:
    """Run a claim's measuring function on its registered seeds, write the record, return the verdict.

    With `write=False` nothing is stored: a reader compares the outcome with the committed one. Raises `OutOfOrder`
    when the entry is unregistered or was edited since, or when its seeds have been looked at already.
    """
    claim = ledger(folder).claim(claim_id)
    if claim.registered != registration(claim):
        raise OutOfOrder(
            f"Claim {claim_id} {'was edited after it was' if claim.registered else 'is not'} registered.",
            expected=f'registered = "{registration(claim)}" in data/claims/{claim.lesson}.toml',
            do=f'labkit.claims.register("{claim_id}"), commit, then measure',
        )
    _refuse_seen(claim, pilot_seeds(claim_id, folder))
    committed = _is_committed(claim, folder or claims_dir())
    record = _run(claim, claim.seeds, claim.n, committed)
    if write:
        write_record(record, folder)
    return judge(claim, record)


def pilot(claim_id: str, seeds: Sequence[int], *, n: int | None = None, folder: Path | None = None) -> Assessment:
    """Try a claim's measuring function on other seeds; these are noted and can never confirm the claim."""
    claim = ledger(folder).claim(claim_id)
    seeds = tuple(seeds)
    if set(seeds) & set(claim.seeds):
        raise OutOfOrder(
            f"The seeds {sorted(set(seeds) & set(claim.seeds))} are kept for the confirmatory run of {claim_id}.",
            expected=f"seeds other than {list(claim.seeds)}",
            do="try other seeds; once looked at, a seed confirms nothing",
        )
    log_pilot(claim_id, seeds, folder)  # before the run: a pilot that was interrupted has been looked at too
    return judge(claim, _run(claim, seeds, n or (len(seeds) if claim.over == "seeds" else claim.n), committed=False))


def register(claim_id: str, *, folder: Path | None = None) -> str:
    """Write the hash of what decides a claim into its entry and return it; commit the file before measuring.

    An earlier record is removed and its seeds become pilot seeds: the new promise needs fresh ones.
    """
    folder = folder or claims_dir()
    claim = ledger(folder).claim(claim_id)
    seen = set(pilot_seeds(claim_id, folder))
    path = record_path(claim_id, folder)
    if path.exists() and claim.registered != registration(claim):
        seen |= _seeds_in(path)
    _refuse_seen(claim, tuple(seen))
    if claim.registered == registration(claim):
        return claim.registered
    _write_registered(folder / f"{claim.lesson}.toml", claim)
    if path.exists():
        log_pilot(claim_id, tuple(seen), folder)
        path.unlink()
    return registration(claim)


def _run(claim: Claim, seeds: tuple[int, ...], n: int, committed: bool) -> Record:
    measured = _function(claim)(n=n, seeds=seeds, **claim.arguments)
    if not isinstance(measured, Measured):
        raise BadInput(f"{claim.measure} returned a {type(measured).__name__}.", expected="labkit.claims.Measured")
    check_measured(claim, measured, n)
    return Record(
        claim=claim.id,
        registration=registration(claim),
        labkit=labkit.__version__,
        committed=committed,
        seeds=seeds,
        models=dict(measured.models),
        units=tuple(measured.units),
        values=tuple(measured.values),
        code=digest(claim.measure),
    )


def _function(claim: Claim) -> Callable[..., Measured]:
    """Return the function at the claim's dotted path, or where its paper has moved it since it was registered."""
    if claim.measure is None:
        raise NotAvailable(f"Claim {claim.id} was never run.", expected=claim.settles, do="see its note in the ledger")
    module, _, name = claim.measure.rpartition(".")
    try:
        return getattr(bring("measures", module) or import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise BadInput(
            f"The measuring function {claim.measure} of {claim.id} cannot be found ({error}).",
            expected="a dotted path such as labkit.papers.cut_compare_restore.claims.restored",
        ) from error


def _refuse_seen(claim: Claim, seen: Sequence[int]) -> None:
    again = sorted(set(claim.seeds) & set(seen))
    if again:
        raise OutOfOrder(
            f"The seeds {again} have already been looked at for {claim.id}.",
            expected="fresh seeds for the confirmatory run",
            do=f"choose seeds other than {sorted(seen)}, register the claim again and commit",
        )


def _is_committed(claim: Claim, folder: Path) -> bool:
    """Say whether the last commit of the checkout already holds the registered entry."""
    try:
        shown = subprocess.run(
            ["git", "show", f"HEAD:./{claim.lesson}.toml"], cwd=folder, capture_output=True, text=True, timeout=20
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return shown.returncode == 0 and f'"{claim.registered}"' in shown.stdout


def _seeds_in(path: Path) -> set[int]:
    return {int(seed) for seed in parsed(path.read_text(encoding="utf-8")).get("seeds", ())}


def _write_registered(path: Path, claim: Claim) -> None:
    """Put the hash on a line of its own under the claim's id, leaving every other character of the file alone."""
    before = path.read_text(encoding="utf-8")
    head, entry, tail = _split(before, claim.id)
    entry = re.sub(r"(?m)^registered *=.*\n", "", entry, count=1)
    entry = re.sub(r"(?m)^id *=.*\n", lambda line: f'{line[0]}registered = "{registration(claim)}"\n', entry, count=1)
    write_atomically(path, head + entry + tail)
    try:
        now = {other.id: other for other in read_claims(path)}
        sound = now[claim.id].registered == registration(now[claim.id]) == registration(claim)
    except LabkitError:
        sound = False
    if not sound:
        write_atomically(path, before)
        raise BadInput(
            f"Could not find where to register {claim.id} in {path.name}.",
            expected=f'the line id = "{claim.id}" right under its [[claim]]',
            do=f'add registered = "{registration(claim)}" to the entry by hand',
        )


def _split(text: str, claim_id: str) -> tuple[str, str, str]:
    """Return what stands before, in and after the `[[claim]]` whose id is `claim_id`."""
    starts = [match.start() for match in re.finditer(r"(?m)^\[\[claim\]\]", text)] + [len(text)]
    for start, end in pairwise(starts):
        if re.search(rf'(?m)^id *= *"{re.escape(claim_id)}" *(#.*)?$', text[start:end]):
            return text[:start], text[start:end], text[end:]
    return text, "", ""
