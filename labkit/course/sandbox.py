"""Run what a learner handed in where it can do no harm: bubblewrap, no network, nothing to write to, limits.

Inside there are Python, its packages, labkit with its data, and one folder with the hand-in. There is no network, no
home, no variable of the teacher's account (its tokens stay outside), and everything started inside ends with it.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from functools import cache
from pathlib import Path

import labkit
from labkit.base.data import data_dir

from .running import MEMORY, PROCESSES

__all__ = ["isolated", "run"]

_INSIDE, _TEMPORARY = Path("/handed_in"), 256 << 20  # bytes that /tmp and /dev/shm may take each, of memory
_BETWEEN_LOOKS = 0.2  # seconds
_SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib64", "/lib32", "/etc/ld.so.cache", "/etc/fonts", "/etc/localtime")


@cache
def isolated() -> bool:
    """Whether bubblewrap is here and may make a room of its own (some systems forbid it): tried, not assumed."""
    if shutil.which("bwrap") is None:
        return False
    trial = subprocess.run([*_room(Path("/tmp")), "true"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return trial.returncode == 0


def run(module: str, arguments: list[str], folder: Path, seconds: float, *, inside: bool) -> str:
    """Run `python -m module arguments` in `folder` and return "", or why it did not come to its end.

    inside: in bubblewrap; else on this account as it is, with the limits alone. What it prints is not kept.
    """
    command = [sys.executable, "-m", module, *arguments]
    process = subprocess.Popen(
        [*_room(folder), *command] if inside else command,
        cwd=None if inside else folder,
        env=None if inside else {**os.environ, **_variables(folder)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    end = time.monotonic() + seconds
    try:
        while process.poll() is None:
            if time.monotonic() >= end:
                return f"it was stopped after {seconds:g} s"
            if excess := _excess(process.pid):
                return f"it was stopped: {excess}"
            with suppress(subprocess.TimeoutExpired):
                process.wait(timeout=_BETWEEN_LOOKS)
    finally:  # also after a Ctrl-C: nothing it started stays
        _end(process)
    code = process.returncode
    return "" if code == 0 else f"it ended by itself, or beyond its limits (exit {code})"


def _excess(first: int) -> str:
    """Say what a process and all it started have too much of together: the limits inside bind each alone, or not root.

    What they share counts once.
    """
    children: dict[int, list[int]] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError, IndexError):  # it has ended meanwhile
            parent = path.read_text(errors="replace").rpartition(")")[2].split()[1]
            children.setdefault(int(parent), []).append(int(path.parent.name))
    found = [first]
    for process in found:
        found += children.get(process, ())
    if len(found) > PROCESSES:
        return f"it had more than {PROCESSES} processes"
    taken = 0  # KiB
    for process in found:
        with suppress(OSError):
            about = Path(f"/proc/{process}/smaps_rollup").read_text()
            taken += sum(map(int, re.findall(r"^Pss:\s+(\d+)", about, re.MULTILINE)))
    return f"it took more than {MEMORY / 2**30:.3g} GB" if taken << 10 > MEMORY else ""


def _end(process: subprocess.Popen) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _room(folder: Path) -> list[str]:
    """Return the command that makes the room, up to what is to run in it."""
    command = ["bwrap", "--unshare-all", "--die-with-parent", "--new-session", "--clearenv", "--cap-drop", "ALL"]
    for path in map(Path, _SYSTEM):
        if path.is_symlink():
            command += ["--symlink", os.readlink(path), str(path)]
        elif path.exists():
            command += ["--ro-bind", str(path), str(path)]
    package = Path(labkit.__file__).resolve().parent
    for path in dict.fromkeys((Path(sys.base_prefix), Path(sys.prefix), package, data_dir().resolve())):
        command += ["--ro-bind", str(path), str(path)]
    command += ["--proc", "/proc", "--dev", "/dev"]
    for memory in ("/dev/shm", "/tmp"):  # what is written there no process's own limit counts
        command += ["--size", str(_TEMPORARY), "--tmpfs", memory]
    command += ["--remount-ro", "/dev"]
    command += ["--bind", str(folder), str(_INSIDE), "--chdir", str(_INSIDE), "--remount-ro", "/"]
    for name, value in _variables(_INSIDE).items():
        command += ["--setenv", name, value]
    return command


def _variables(folder: Path) -> dict[str, str]:
    return {
        "PATH": "/usr/bin:/bin",
        "HOME": "/tmp",
        "LANG": "C.UTF-8",
        "PYTHONPATH": str(Path(labkit.__file__).resolve().parent.parent),
        "LABKIT_DATA": str(data_dir().resolve()),
        "LABKIT_MY": str(folder / "my"),
        "LABKIT_STATIC": "1",
        "HF_HUB_OFFLINE": "1",
        "OMP_NUM_THREADS": "1",
        "MKL_NUM_THREADS": "1",
        "TOKENIZERS_PARALLELISM": "false",
        "MPLBACKEND": "agg",
    }
