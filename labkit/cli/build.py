"""Build the notebooks from their sources and stamp the README.

Each lessons/NN_name/src/*.py is converted, executed STATIC and offline, slimmed, and written beside its folder. The
direction is always from source to notebook. With --check nothing runs: it only says where the two disagree.
"""

from __future__ import annotations

import argparse

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("lesson", nargs="?", help='a lesson, "00" or its full name (default: all)')
    parser.add_argument(
        "--check", action="store_true", help="execute nothing; exit 1 where a notebook is not its source"
    )


def run(options: argparse.Namespace) -> int:
    from labkit.course.build import build, differences

    if not options.check:
        build(options.lesson)
        return 0
    found = differences(options.lesson)
    for line in found:
        print(line)
    if found:
        print(f"{len(found)} differences. Build the lesson again: labkit build {options.lesson or ''}".rstrip())
        return 1
    print("The notebooks are what their sources give.")
    return 0
