"""Make many cuts in one model, measure each, and save the result for lessons to replay without torch."""

from __future__ import annotations

import argparse
from pathlib import Path

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", nargs="?", default="lab/tiny", help="any name that labkit.load knows")
    parser.add_argument("--out", type=Path, help="where to save the result")


def run(options: argparse.Namespace) -> int:
    from labkit.sweeps import sweep  # noqa: F401

    return 0
