"""Read the predictions and answers a class has handed in, and print them as CSV.

FOLDER holds what learners sent, one folder or file each: progress.json, answers-NN.json, or notebooks whose last output
holds the answer code of `lesson.progress()`. These say what the learner's own machine judged. With --run each notebook
is executed here, on this account, its answers are judged again, and that is what counts. Nothing keeps such a notebook
from your files: --run therefore wants --trusted, by which you say that you would run this code anyway.
"""

from __future__ import annotations

import argparse
import csv
import sys
from pathlib import Path

from labkit.base.errors import BadInput

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", type=Path, help="what was collected; or a text file with one answer code a line")
    parser.add_argument("--lesson", metavar="NN", help="only one lesson")
    parser.add_argument("--run", dest="again", action="store_true", help="execute the notebooks and judge again")
    parser.add_argument("--trusted", action="store_true", help="with --run: you know whose code this is")
    parser.add_argument("--out", type=Path, help="write the CSV to a file")


def run(options: argparse.Namespace) -> int:
    from labkit.base.files import write_atomically
    from labkit.course.grading import collect, table

    if options.again and not options.trusted:
        raise BadInput(
            "--run executes what was handed in, with your rights, on this machine.",
            expected="--trusted beside it, where you know whose code this is",
            do="grade without --run, which executes nothing; or run it in a container or a virtual machine",
        )
    rows = [
        [_plain(cell) for cell in row]
        for row in table(collect(options.folder, lesson=options.lesson, again=options.again, say=_say))
    ]
    if options.out is None:
        csv.writer(sys.stdout).writerows(rows)
        return 0
    import io

    text = io.StringIO()
    csv.writer(text).writerows(rows)
    write_atomically(options.out, text.getvalue())
    print(f"{len(rows) - 1} rows in {options.out}")
    return 0


def _plain(cell: str) -> str:
    """Return a cell that no spreadsheet takes for a formula."""
    return f"'{cell}" if cell[:1] in ("=", "+", "-", "@", "\t", "\r") else cell


def _say(line: str) -> None:
    print(line, file=sys.stderr)
