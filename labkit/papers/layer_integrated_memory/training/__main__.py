"""Make the runs of the named groups: `python -m labkit.papers.layer_integrated_memory.training choose`."""

from __future__ import annotations

import argparse
import math
from dataclasses import asdict

from labkit.base.errors import unknown
from labkit.training import Runs, share

from .groups import GROUPS
from .making import TABLE, WEIGHTS, make_run


def main() -> int:
    """Make the runs of the named groups, or of all; return 1 if time was up before. Several processes share them."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("groups", nargs="*", metavar="group", help=", ".join(GROUPS))
    parser.add_argument("--minutes", type=float, default=math.inf, help="start no run after so many")
    asked = parser.parse_args()
    if strange := [name for name in asked.groups if name not in GROUPS]:
        raise unknown("group of runs", strange[0], GROUPS)
    WEIGHTS.mkdir(parents=True, exist_ok=True)
    table, names = Runs(TABLE), asked.groups or GROUPS
    for run in share(table, (asdict(run) for name in names for run in GROUPS[name]), make_run, minutes=asked.minutes):
        print({name: value for name, value in run.items() if name not in ("losses", "shares")}, flush=True)
    return int(any(table.find(**asdict(run)) is None for name in names for run in GROUPS[name]))


if __name__ == "__main__":
    raise SystemExit(main())
