"""Train one of the course's models from its recipe.

A run that was killed goes on where it stopped; on the CPU with the same number of threads it ends bit for bit the same.
"""

from __future__ import annotations

import argparse
from pathlib import Path

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", help="a recipe, such as tiny")
    parser.add_argument("--size", choices=("cpu", "gpu"), default="cpu", help="which of the recipe's two sizes")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, help="the run's folder (default: runs/NAME-SIZE-sSEED)")
    parser.add_argument("--no-resume", dest="resume", action="store_false", help="begin afresh")


def run(options: argparse.Namespace) -> int:
    from labkit.training import train

    out = options.out or Path("runs") / f"{options.name.replace('/', '-')}-{options.size}-s{options.seed}"
    train(options.name, size=options.size, seed=options.seed, out=out, resume=options.resume)
    return 0
