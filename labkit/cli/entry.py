"""Find the command, run it, and turn a problem into words instead of a traceback."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

import labkit
from labkit.base.errors import LabkitError, unknown

from . import build, claims, doctor, grade, grid, lab, models, new_paper, site, sweep, train

__all__ = ["main", "parser"]

COMMANDS = {
    "lab": lab,
    "doctor": doctor,
    "models": models,
    "sweep": sweep,
    "claims": claims,
    "train": train,
    "grid": grid,
    "build": build,
    "new-paper": new_paper,
    "site": site,
    "grade": grade,
}
PROBLEM, INTERRUPTED = 2, 130


def main(argv: Sequence[str] | None = None) -> int:
    """Run `labkit ARGUMENTS`; return 0 when done, 1 when something is wanting, 2 for a problem, 130 when stopped."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    for stream in (sys.stdout, sys.stderr):  # a mark that the terminal cannot write becomes a question mark
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
    try:
        if arguments and not arguments[0].startswith("-") and arguments[0] not in COMMANDS:
            raise unknown("command", arguments[0], COMMANDS, do="labkit --help")
        options = parser().parse_args(arguments)
        if options.command is None:
            parser().print_help()
            return 0
        code = options.run(options) or 0
        sys.stdout.flush()
        return code
    except LabkitError as error:
        print(error, file=sys.stderr)
        return PROBLEM
    except KeyboardInterrupt:
        print("Stopped.", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:  # `labkit claims | head`: the reader has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def parser() -> argparse.ArgumentParser:
    """Return the parser of all commands."""
    top = argparse.ArgumentParser(
        prog="labkit", description="Transformer Surgery: cut, compare and restore parts of a transformer."
    )
    top.add_argument("--version", action="version", version=f"labkit {labkit.__version__}")
    commands = top.add_subparsers(dest="command", metavar="COMMAND", title="commands")
    for name, module in COMMANDS.items():
        lines = (module.__doc__ or "").strip().split("\n\n", 1)
        described = commands.add_parser(
            name,
            help=lines[0].rstrip("."),
            description=(module.__doc__ or "").strip(),
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        module.add_arguments(described)
        described.set_defaults(run=module.run)
    return top
