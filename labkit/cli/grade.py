"""Read the predictions and answers a class has handed in, and print them as CSV.

FOLDER holds what learners sent, one folder or file each: progress.json, answers-NN.json, or notebooks whose last output
holds the answer code of `lesson.progress()`. These say what the learner's own machine judged. With --run each notebook
is executed again, and what it checks is what counts: answers that are data are judged here, outside of it; one that is
code is called beside it, and its cell says "called where it ran".

--run uses bubblewrap (bwrap): a notebook sees Python, labkit and its own folder, has no network and no variable of
yours, at most 4 GB and --seconds, and all it started ends with it. Without bubblewrap nothing keeps a notebook from
your files: --run then wants --trusted, by which you say that you would run this code on your account anyway.
"""

from __future__ import annotations

import argparse
import csv
import signal
import sys
from pathlib import Path

from labkit.base.errors import BadInput

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", type=Path, help="what was collected; or a text file with one answer code a line")
    parser.add_argument("--lesson", metavar="NN", help="only one lesson")
    parser.add_argument("--run", dest="again", action="store_true", help="execute the notebooks and judge again")
    parser.add_argument("--trusted", action="store_true", help="with --run: on this account, without bubblewrap")
    parser.add_argument("--seconds", type=float, default=300, help="for one notebook (default: 300)")
    parser.add_argument("--out", type=Path, help="write the CSV to a file")


def run(options: argparse.Namespace) -> int:
    from labkit.base.files import write_atomically
    from labkit.course.grading import collect, table
    from labkit.course.sandbox import isolated

    inside = options.again and not options.trusted
    if inside and not isolated():
        raise BadInput(
            "--run executes what was handed in, and bubblewrap, which keeps it from your files, does not work here.",
            expected="bubblewrap (bwrap); or --trusted, where you know whose code this is: it has your rights then",
            do="install bubblewrap, or grade without --run, which executes nothing",
        )
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # as a Ctrl-C: what is done is kept
    found = collect(
        options.folder,
        lesson=options.lesson,
        again=options.again,
        inside=inside,
        seconds=options.seconds,
        say=_say,
    )
    rows = [[_plain(cell) for cell in row] for row in table(found)]
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
    """Return a cell that no spreadsheet takes for a formula, also behind spaces and in full width."""
    return f"'{cell}" if cell.lstrip()[:1] in tuple("=+-@＝＋－＠") else cell


def _say(line: str) -> None:
    print(line, file=sys.stderr)
