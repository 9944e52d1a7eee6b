"""Write the course as static pages: every notebook as it was built, with stored panels that answer without a kernel.

Runs no notebook and loads no model; the pages need no server and fetch nothing from anywhere.
"""

from __future__ import annotations

import argparse
from pathlib import Path

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--out", type=Path, default=Path("site"), help="the folder to write into (default: site)")


def run(options: argparse.Namespace) -> int:
    from labkit.course.site.writing import write_site

    written = write_site(options.out)
    print(f"{len(written)} pages. Open {written[0]}")
    return 0
