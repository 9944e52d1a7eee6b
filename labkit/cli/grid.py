"""Train a grid of recipes, learning rates and seeds; collect the curves.

Each run has one thread. Call it again to go on with what was stopped. Runs that diverged are recorded and shown, and
not tried again.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from labkit.base.errors import BadInput
from labkit.base.files import parsed
from labkit.base.papers import bring

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("recipes", nargs="+", help="recipes, such as depth/pre depth/lns, or recipes' files")
    parser.add_argument("--size", default="cpu", help="cpu or gpu (default: cpu)")
    parser.add_argument("--lr", type=float, nargs="+", help="learning rates (default: each recipe's own)")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0], help="(default: 0)")
    parser.add_argument("--steps", type=int, help="another length for every run, for a first look")
    parser.add_argument(
        "--set", action="append", default=[], metavar="FIELD=VALUE", help="another field, such as model.depth=40"
    )
    parser.add_argument("--jobs", type=int, default=1, help="runs at a time (default: 1)")
    parser.add_argument("--out", type=Path, default=Path("runs/grid"), help="where the runs live (default: runs/grid)")
    parser.add_argument("--found", action="store_true", help="train nothing: take every run of these recipes in --out")
    parser.add_argument("--save", type=Path, help="write the curves of all these runs to this JSON file")
    parser.add_argument("--measure", type=Path, help="leave out every block of each finished run, into this JSON file")
    parser.add_argument(
        "--measure-steps",
        nargs="+",
        default=["0", "end"],
        metavar="STEP",
        help="which kept steps; 0 is before training, end after (default: 0 end)",
    )
    parser.add_argument("--dry", action="store_true", help="say what would be run, and run nothing")


def run(options: argparse.Namespace) -> int:
    from labkit.training import collect, run_grid

    trials = [] if options.found else _planned(options)
    folders = _found(options) if options.found else [trial.folder for trial in trials]
    if options.dry:
        print("\n".join(f"{trial.status:<10} {trial.folder}" for trial in trials) or "\n".join(map(str, folders)))
        return 0
    curves = collect(folders) if options.found else run_grid(trials, jobs=options.jobs, say=_say)
    print(curves.table())
    if options.save:
        print(curves.save(options.save))
    if options.measure:
        _measure(options, folders)
    return int(any(curve.status == "unfinished" for curve in curves))


def _planned(options: argparse.Namespace) -> list[Any]:
    from labkit.training import grid

    return grid(
        options.recipes,
        size=options.size,
        lrs=options.lr,
        seeds=options.seeds,
        steps=options.steps,
        changes=dict(map(_change, options.set)),
        out=options.out,
    )


def _found(options: argparse.Namespace) -> list[Path]:
    """Return the folders in --out that hold a run of one of the recipes, in that size."""
    kept = []
    for about in sorted(options.out.glob("*/run.json")):
        recipe = parsed(about.read_text(encoding="utf-8"))["recipe"]
        if recipe["name"] in options.recipes and recipe["size"] == options.size:
            kept.append(about.parent)
    if not kept:
        raise BadInput(
            f"{options.out} holds no run of {', '.join(options.recipes)} in size {options.size}.",
            do="train them first, without --found",
        )
    return kept


def _measure(options: argparse.Namespace, folders: list[Path]) -> None:
    BlockRuns, measure_runs = (bring("experiments", name) for name in ("BlockRuns", "measure_runs"))

    def keep(runs: Any, run: Any) -> None:
        runs.save(options.measure)
        print(f"{run.recipe}, lr {run.lr:g}, seed {run.seed}, {run.step}: loss {run.loss:.4f}", flush=True)

    known = BlockRuns.load(options.measure) if options.measure.is_file() else None
    print(measure_runs(folders, steps=options.measure_steps, known=known, say=keep).save(options.measure))


def _change(text: str) -> tuple[str, Any]:
    """Return field and value of "FIELD=VALUE": a number, true or false, else the text itself."""
    field, equals, value = text.partition("=")
    if not equals:
        raise BadInput(f"--set {text} sets nothing.", expected="FIELD=VALUE, such as model.depth=40")
    try:
        return field, json.loads(value)
    except ValueError:
        return field, value


def _say(trial: Any, event: str, entry: dict[str, Any]) -> None:
    if event == "step" and entry["step"] % (10 * trial.recipe.log_every) == 0:
        print(f"{trial.folder.name}: step {entry['step']}, loss {entry['loss']:.4f}", flush=True)
    elif event not in ("step", "start"):
        print(f"{trial.folder.name}: {event}", flush=True)
