"""Read the predictions and answers a class has handed in, and print them as CSV.

FOLDER holds what learners sent, one folder or file each: progress.json, answers-NN.json, or notebooks whose last output
holds the answer code of `lesson.progress()`. These say what the learner's own machine judged. With --run each notebook
is executed here, its answers are judged again, and that is what counts; run only code you would run anyway.
"""

from __future__ import annotations

import argparse
import csv
import sys
from pathlib import Path

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", type=Path, help="what was collected; or a text file with one answer code a line")
    parser.add_argument("--lesson", metavar="NN", help="only one lesson")
    parser.add_argument("--run", dest="again", action="store_true", help="execute the notebooks and judge again")
    parser.add_argument("--out", type=Path, help="write the CSV to a file")


def run(options: argparse.Namespace) -> int:
    from labkit.base.files import write_atomically
    from labkit.course.grading import collect, table

    rows = table(collect(options.folder, lesson=options.lesson, again=options.again, say=_say))
    if options.out is None:
        csv.writer(sys.stdout).writerows(rows)
        return 0
    import io

    text = io.StringIO()
    csv.writer(text).writerows(rows)
    write_atomically(options.out, text.getvalue())
    print(f"{len(rows) - 1} rows in {options.out}")
    return 0


def _say(line: str) -> None:
    print(line, file=sys.stderr)
