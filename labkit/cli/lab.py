"""Open the course in JupyterLab, on your own copies of the lessons.

The copies are laid out in my/ (the variable LABKIT_MY names another folder). What you changed is never overwritten: a
newer version of a lesson is put beside yours. With --author it opens the repository instead, for editing the sources.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path

from labkit.base.errors import BadInput, NotAvailable

from .own_settings import opening

__all__ = ["add_arguments", "jupyter_command", "jupyter_environment", "run"]

_CONFIG = Path(__file__).resolve().parent.parent / "course" / "jupyter"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--prepare", action="store_true", help="lay out the copies and stop there")
    parser.add_argument("--author", action="store_true", help="open the repository, with jupytext, to edit the sources")
    parser.add_argument("--no-browser", action="store_true", help="print the address instead of opening a browser")
    parser.add_argument("--port", type=int, default=8888, help="the port to try first (default: 8888)")


def run(options: argparse.Namespace) -> int:
    from labkit.base.data import lessons_dir, my_dir
    from labkit.course.editions import lay_out

    if not 1 <= options.port <= 65535:
        raise BadInput(f"{options.port} is not a port.", expected="a number from 1 to 65535")
    if options.author:
        folder = lessons_dir().parent
        if not (folder / "pyproject.toml").is_file():
            raise NotAvailable("There are no sources here to edit.", expected="a clone of the repository")
    else:
        folder = my_dir().resolve()
        written = lay_out(folder)
        print(f"Your copies of the lessons are in {folder}" + (f" ({len(written)} new)." if written else "."))
    if options.prepare:
        return 0
    _need_jupyterlab()
    command = jupyter_command(folder, author=options.author, browser=not options.no_browser, port=options.port)
    environment = jupyter_environment(folder, author=options.author)
    for line in opening():
        print(f"Mind: {line}.", file=sys.stderr)
    sys.stdout.flush()
    if os.name == "posix":  # become the server: Ctrl-C and kill reach it directly
        os.chdir(folder)
        os.execve(command[0], command, environment)
    return subprocess.call(command, env=environment, cwd=folder)


def jupyter_command(folder: Path, *, author: bool, browser: bool, port: int) -> list[str]:
    """Return the command that serves `folder`; the token stays on."""
    start = "/lab" if author else "/lab/tree/START_HERE.md"
    command = [
        sys.executable,
        *(["-P"] if sys.version_info >= (3, 11) else []),  # a learner's random.py is not the server's
        "-m",
        "jupyterlab",
        f"--ServerApp.root_dir={folder}",
        f"--ServerApp.port={port}",
        f"--LabApp.default_url={start}",
    ]
    if author:
        command += [
            "--AsyncJupytextContentsManager.notebook_metadata_filter=-all",
            "--AsyncJupytextContentsManager.cell_metadata_filter=tags,-all",
        ]
    if not browser:
        command.append("--no-browser")
    if hasattr(os, "geteuid") and os.geteuid() == 0:  # in a container
        command.append("--allow-root")
    return command


def jupyter_environment(folder: Path, *, author: bool) -> dict[str, str]:
    """Return the server's environment: the learner's gets our settings (jupytext off, no news) and one thread.

    A learner's notebooks are LIVE and find the record in `folder`, whatever was set outside.
    """
    environment = {name: value for name, value in os.environ.items() if name != "LABKIT_STATIC"}
    for name, value in (("OMP_NUM_THREADS", "1"), ("MKL_NUM_THREADS", "1"), ("TOKENIZERS_PARALLELISM", "false")):
        environment.setdefault(name, value)  # small matrices are slower on many threads
    if not author:
        others = environment.get("JUPYTER_CONFIG_PATH")
        environment["JUPYTER_CONFIG_PATH"] = f"{_CONFIG}{os.pathsep}{others}" if others else str(_CONFIG)
        environment["LABKIT_MY"] = str(folder)
    return environment


def _need_jupyterlab() -> None:
    from importlib.util import find_spec

    if find_spec("jupyterlab") is None:
        raise NotAvailable(
            "JupyterLab is not installed in this Python.",
            expected="the extra `lab`",
            do=f'{Path(sys.executable).name} -m pip install "transformer-surgery[lab]"',
        )
