"""Make many cuts in one model, measure each, and keep the result for lessons to replay without torch.

What can be swept: `sublayers` (leave out each attention and each MLP), `blocks` (leave out each block), `cut-panel`
(the stored answers of the panel of lesson 00), `gains` (each gain of the sentence encoder's norms, for lesson 01) and
`emergence` (the most prominent weight of every checkpoint that a training run in --folder kept, for lesson 01).
For lesson 02, what its panels show without torch: `truth` (first: the grid's ready choices come from it), `layer-grid`,
`race`, `positions`, `cost`, `heal` and `training` (from the steps that the run in --folder kept).
For lesson 08: `twins`, two small models trained side by side (some minutes), and `transfer`, the runs of the grid in
--folder fine-tuned on facts alone (about a minute each).
A sweep that was stopped goes on where it was; the kinds of lesson 02, `emergence` and `twins` begin again.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from labkit.base.errors import BadInput, unknown

__all__ = ["add_arguments", "run"]

_PANELS = {
    "truth": "TruthPanel",
    "layer-grid": "LayerGridPanel",
    "race": "RacePanel",
    "positions": "ScorePanel",
    "cost": "CostPanel",
    "heal": "HealPanel",
    "training": "ThroughTrainingPanel",
}
_KINDS = ("sublayers", "blocks", "cut-panel", "gains", "emergence", "twins", "transfer", *_PANELS)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("what", nargs="?", default="sublayers", metavar="WHAT", help=", ".join(_KINDS))
    parser.add_argument("--model", help="any name that labkit.load knows (default: lab/tiny; for lesson 02 lab/deep)")
    parser.add_argument("--measure", default="loss", help="loss or kl (default: loss)")
    parser.add_argument("--documents", type=int, default=64, metavar="N", help="held-out documents (default: 64)")
    parser.add_argument("--part", default="stories", help="the part of the world they come from (default: stories)")
    parser.add_argument("--seed", type=int, default=0, help="which documents")
    parser.add_argument("--folder", type=Path, help="for emergence and training a run's folder, for transfer a grid's")
    parser.add_argument("--plain", action="store_true", help="run every plan from the first block, as a check")
    parser.add_argument(
        "--out",
        type=Path,
        help="where to keep it (default: runs/sweeps/MODEL-WHAT.json; of a panel a folder, data/sweeps)",
    )
    parser.add_argument("--json", action="store_true", help="one JSON object on standard output")


def run(options: argparse.Namespace) -> int:
    if options.what not in _KINDS:
        raise unknown("sweep", options.what, _KINDS)
    if options.documents < 1:
        raise BadInput(f"{options.documents} documents were asked for.", expected="at least one")
    options.model = options.model or ("lab/deep" if options.what in _PANELS else "lab/tiny")
    if options.what in _PANELS:
        return _panel(options)
    if options.what == "twins":
        from labkit.panels.depth.twins import store

        kept = store(options.out)
        print(kept.read_text(encoding="utf-8") if options.json else f"Two trainings for each preset: {kept.name}")
        return 0
    if options.what == "transfer":
        return _transfer(options)
    if options.what == "cut-panel":
        return _cut_panel(options)
    if options.what == "emergence":
        return _emergence(options)
    if options.what == "gains":
        from labkit.sweeps.gains import store_gains

        kept = store_gains(_say, options.out)
        print(
            json.dumps(kept.as_dict(), ensure_ascii=False) if options.json else f"{len(kept)} gains, each zeroed alone"
        )
        return 0
    import labkit
    from labkit import sweeps, world

    handle = labkit.load(options.model)
    plans = sweeps.every_sublayer(handle) if options.what == "sublayers" else sweeps.every_block(handle)
    texts = [one.text for one in world.documents(options.part, options.documents, seed=options.seed, split="test")]
    out = options.out or Path("runs") / "sweeps" / f"{options.model.replace('/', '-')}-{options.what}.json"
    engine = "plain" if options.plain else "prefix"
    result = sweeps.sweep(handle, plans, texts, options.measure, path=out, progress=_say, engine=engine)
    print(json.dumps(result.as_dict(), ensure_ascii=False) if options.json else result.table())
    print(f"kept in {out}", file=sys.stderr)
    return 0


def _cut_panel(options: argparse.Namespace) -> int:
    from labkit.panels.cut import store

    kept = store(options.model, options.out)
    if options.json:
        print(json.dumps(kept.sweep.as_dict(), ensure_ascii=False))
    else:
        print(f"{len(kept.sweep)} cuts on {len(kept.days)} days kept for the panel of lesson 00")
    return 0


def _panel(options: argparse.Namespace) -> int:
    from labkit import panels

    given = {} if options.folder is None else {"folder": options.folder}
    path = getattr(panels, _PANELS[options.what]).store(
        options.model, options.out, lambda words: print(words, file=sys.stderr, flush=True), **given
    )
    print(path.read_text(encoding="utf-8") if options.json else f"kept in {path}")
    return 0


def _transfer(options: argparse.Namespace) -> int:
    from labkit.sweeps import Transfers, transfer, transfers_path

    out = options.out or transfers_path()
    known = Transfers.load(out) if out.is_file() else None
    found = transfer(out=options.folder or Path("runs/grid"), known=known, say=lambda so_far: so_far.save(out))
    print(out.read_text(encoding="utf-8") if options.json else found.table())
    return 0


def _emergence(options: argparse.Namespace) -> int:
    from labkit import world
    from labkit.measurements.super_weights import emergence, emergence_path

    if options.folder is None:
        raise BadInput("No training run was named.", expected="labkit sweep emergence --folder RUN --model NAME")
    stories = world.documents("stories", options.documents + 1, seed=options.seed, split="test")
    found = emergence(options.folder, [story.text for story in stories], model=options.model, tell=_say_moment)
    out = options.out or emergence_path()
    found.save(out)
    print(json.dumps(found.as_dict(), ensure_ascii=False) if options.json else found.table())
    print(f"kept in {out}", file=sys.stderr)
    return 0


def _say_moment(moment: Any) -> None:
    print(f"{moment.name}: {moment.address}, perplexity times {moment.ratio.value:.4f}", file=sys.stderr, flush=True)


def _say(step: Any) -> None:
    print(f"{step.done}/{step.total}  {step.label}  {step.change:+.4f}", file=sys.stderr, flush=True)
