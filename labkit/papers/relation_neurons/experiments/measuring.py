"""Measure trained seeds and store their portraits: `python -m labkit.papers.relation_neurons.experiments.measuring`.

A seed that is not trained yet is trained first (four minutes on one core); a stored portrait is not made again.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Sequence
from pathlib import Path

from filelock import FileLock

from labkit import models
from labkit.base.files import write_atomically
from labkit.zoo import Handle

from .. import training
from ..task import Register, tokenizer
from .controls import MAPS, controls_path, measure_controls
from .null import damage_null
from .portrait import LARGE, Portraits, large_path, late_portrait, portrait, portraits_path
from .study import RelationStudy

__all__ = ["SEEDS", "measure_seed", "studies_of", "sweep_controls", "sweep_large", "sweep_portraits"]

SEEDS, LARGE_SEEDS = (1, 2, 3, 5), (6, 2)  # the latter: of large registers
LATE = (3,)  # trained for the claims registered last; of it only what was asked last is measured
RUNS = Path("runs/11")


def studies_of(seed: int, runs: Path = RUNS, large: bool = False) -> tuple[RelationStudy, RelationStudy]:
    """Return the studies of a seed's final and early model, training them if they are not there."""
    folder = _folder(seed, runs, large)
    training.train(seed, folder, training.LARGE_FIT if large else training.FIT, large=large)
    return tuple(
        RelationStudy(Handle(f"seed {seed}, {which}", models.load(folder / which), tokenizer()), Register(seed, large))
        for which in ("final", "early")
    )  # type: ignore[return-value]


def measure_seed(seed: int, runs: Path = RUNS, path: Path | None = None, *, large: bool = False) -> None:
    """Add the portrait of a seed to the stored ones.

    Of a large register also what is known of each relation, and the damage map beside twenty drawn ones.
    """
    path = path or (large_path() if large else portraits_path())
    if path.is_file() and seed in Portraits.load(path).of:
        return
    final, early = studies_of(seed, runs, large)
    found = late_portrait(final) if large or seed in LATE else portrait(final, early)
    if large:
        known = json.loads((_folder(seed, runs, large) / "history.json").read_text(encoding="utf-8"))["known"]
        found["least_known"] = {r: min(v for k, v in known.items() if k.split()[0] == r) for r in final.relations}
        found["map"] = damage_null(final, LARGE, MAPS).as_dict()
    runs.mkdir(parents=True, exist_ok=True)
    with FileLock(runs / "portraits.lock"):
        known = Portraits.load(path).of if path.is_file() else {}
        lines = [f'"{s}": {json.dumps(one)}' for s, one in sorted({**known, seed: found}.items())]
        write_atomically(path, "{" + ",\n".join(lines) + "}\n")


def sweep_portraits(say: Callable[[str], None] = print, out: Path | None = None, folder: Path | None = None) -> Path:
    """Measure every seed for `labkit sweep portraits`, going on where it was, and return the file."""
    for seed in SEEDS:
        measure_seed(seed, folder or RUNS, out)
        say(f"seed {seed}")
    return out or portraits_path()


def sweep_large(say: Callable[[str], None] = print, out: Path | None = None, folder: Path | None = None) -> Path:
    """Measure every large register for `labkit sweep large_registers`, and return the file."""
    for seed in LARGE_SEEDS:
        measure_seed(seed, folder or RUNS, out, large=True)
        say(f"large register, seed {seed}")
    return out or large_path()


def sweep_controls(say: Callable[[str], None] = print, out: Path | None = None, folder: Path | None = None) -> Path:
    """Measure lab/facts and a wide model of its seed for `labkit sweep matched`, and return the file."""
    from labkit.zoo import load

    facts, early = load("lab/facts"), load("lab/facts_early")
    seed = facts.card["seed"]
    where = (folder or RUNS) / f"wide{seed}"
    training.train(seed, where, training.WIDE_FIT, training.WIDE)
    wide = Handle(f"wide, seed {seed}", models.load(where / "final"), tokenizer())
    studies = (RelationStudy(model, Register(seed)) for model in (facts, wide, early))
    out = out or controls_path()
    measure_controls(*studies, out, say)
    return out


def _folder(seed: int, runs: Path, large: bool) -> Path:
    return runs / f"{'large' if large else 'seed'}{seed}"


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure some seeds."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=SEEDS)
    parser.add_argument("--large", action="store_true", help="the models of large registers")
    parser.add_argument("--runs", type=Path, default=RUNS)
    options = parser.parse_args(arguments)
    for seed in options.seeds:
        measure_seed(seed, options.runs, large=options.large)
        print(f"seed {seed} measured", flush=True)


if __name__ == "__main__":
    main()
