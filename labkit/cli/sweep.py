"""Make many cuts in one model, measure each, and keep the result for lessons to replay without torch.

What can be swept in any model: `sublayers` (leave out each attention and each MLP) and `blocks` (leave out each block).
Every paper adds what its lesson replays; `labkit sweep --help` names them. A sweep of a model that was stopped goes on
where it was; what a paper adds may begin again.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from labkit.base.errors import BadInput, unknown
from labkit.base.papers import bring, brought

__all__ = ["add_arguments", "run"]

_KINDS = ("sublayers", "blocks")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "what", nargs="?", default="sublayers", metavar="WHAT", help=", ".join([*_KINDS, *brought("sweeps")])
    )
    parser.add_argument("--model", help="any name that labkit.load knows (default: lab/tiny, or the lesson's own)")
    parser.add_argument("--measure", default="loss", help="loss or kl (default: loss)")
    parser.add_argument("--documents", type=int, default=64, metavar="N", help="held-out documents (default: 64)")
    parser.add_argument("--part", default="stories", help="the part of the world they come from (default: stories)")
    parser.add_argument("--seed", type=int, default=0, help="which documents")
    parser.add_argument("--folder", type=Path, help="where runs of training lie, for what is swept over them")
    parser.add_argument("--plain", action="store_true", help="run every plan from the first block, as a check")
    parser.add_argument(
        "--out",
        type=Path,
        help="where to keep it (default: runs/sweeps/MODEL-WHAT.json; of a panel a folder, data/sweeps)",
    )
    parser.add_argument("--json", action="store_true", help="one JSON object on standard output")


def run(options: argparse.Namespace) -> int:
    if options.documents < 1:
        raise BadInput(f"{options.documents} documents were asked for.", expected="at least one")
    if options.what in brought("sweeps"):
        return _brought(options)
    if options.what not in _KINDS:
        raise unknown("sweep", options.what, [*_KINDS, *brought("sweeps")])
    import labkit
    from labkit import sweeps, world

    handle = labkit.load(options.model or "lab/tiny")
    plans = sweeps.every_sublayer(handle) if options.what == "sublayers" else sweeps.every_block(handle)
    texts = [one.text for one in world.documents(options.part, options.documents, seed=options.seed, split="test")]
    out = options.out or Path("runs") / "sweeps" / f"{handle.name.replace('/', '-')}-{options.what}.json"
    engine = "plain" if options.plain else "prefix"
    result = sweeps.sweep(handle, plans, texts, options.measure, path=out, progress=_say, engine=engine)
    print(json.dumps(result.as_dict(), ensure_ascii=False) if options.json else result.table())
    print(f"kept in {out}", file=sys.stderr)
    return 0


def _brought(options: argparse.Namespace) -> int:
    """Make what a paper brings: a panel that stores its answers, or a function; both return the file they wrote."""
    make: Any = bring("sweeps", options.what)
    asked = {"model": options.model, "out": options.out, "folder": options.folder}
    given = {name: value for name, value in asked.items() if value is not None}
    path = getattr(make, "store", make)(say=_tell, **given)
    print(path.read_text(encoding="utf-8") if options.json else f"kept in {path}")
    return 0


def _tell(words: str) -> None:
    print(words, file=sys.stderr, flush=True)


def _say(step: Any) -> None:
    print(f"{step.done}/{step.total}  {step.label}  {step.change:+.4f}", file=sys.stderr, flush=True)
