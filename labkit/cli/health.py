"""What `labkit doctor` looks at: each finding is a fact, and each problem comes with the command that mends it."""

from __future__ import annotations

import os
import platform
import shutil
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import labkit
from labkit.base.data import data_dir, lessons_dir, my_dir
from labkit.base.errors import LabkitError
from labkit.base.files import parsed
from labkit.zoo import about_encoder

__all__ = ["examine", "memory_mb"]

# (package, lowest, first too new, where it belongs): what the course was tested between
_NEEDED = (
    ("torch", "2.4", None, "core"),
    ("transformers", "4.57", "6", "core"),
    ("safetensors", "0.4", None, "core"),
    ("tokenizers", "0.20", None, "core"),
    ("ipywidgets", "7.7.1", "9", "core"),
    ("matplotlib", "3.8", None, "core"),
    ("numpy", "1.26", None, "core"),
    ("jupyterlab", "4.2", "5", "lab"),
    ("jupytext", "1.16", "2", "lab"),
    ("ipykernel", "6.17", None, "lab"),
)
_KERNEL_MB = 1024  # what a lesson may take
_DISK_MB = 200


def examine() -> dict[str, Any]:
    """Return the report: ok, versions, threads, memory, models, and problems as `{"what", "fix"}`."""
    problems: list[dict[str, str]] = []
    report = {
        "ok": True,
        "labkit": labkit.__version__,
        "python": platform.python_version(),
        "platform": f"{platform.system()} {platform.machine()}",
        "versions": _versions(problems),
        "threads": _threads(problems),
        "device": _device(),
        "memory": _memory(problems),
        "models": _models(problems),
        "encoder": about_encoder(),  # the course runs without it: never a problem
        "lessons": _lessons(problems),
        "my": _my(problems),
        "problems": problems,
    }
    report["ok"] = not problems
    return report


def memory_mb() -> dict[str, int | None]:
    """Return the machine's memory in MB: total, available, and the limit of the container, if any."""
    total = available = None
    try:
        lines = dict(line.split(":", 1) for line in Path("/proc/meminfo").read_text().splitlines() if ":" in line)
        total = int(lines["MemTotal"].split()[0]) // 1024
        available = int(lines["MemAvailable"].split()[0]) // 1024
    except (OSError, KeyError, ValueError):
        if hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names:
            total = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2**20
    limit = None
    for name in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        try:
            text = Path(name).read_text().strip()
        except OSError:
            continue
        if text.isdigit() and int(text) < 2**50:
            limit = int(text) // 2**20
    return {"total_mb": total, "available_mb": available, "limit_mb": limit}


def _add(problems: list[dict[str, str]], what: str, fix: str) -> None:
    problems.append({"what": what, "fix": fix})


def _versions(problems: list[dict[str, str]]) -> dict[str, str | None]:
    found: dict[str, str | None] = {}
    pip = f"{sys.executable} -m pip install"
    for package, lowest, too_new, extra in _NEEDED:
        asked = f'"{package}>={lowest}{f",<{too_new}" if too_new else ""}"'
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = None
            whole = f'{pip} "transformer-surgery[lab]"' if extra == "lab" else f"{pip} {asked}"
            _add(problems, f"{package} is not installed.", whole)
            continue
        have = _numbers(found[package])
        if have < _numbers(lowest) or (too_new and have >= _numbers(too_new)):
            _add(problems, f"{package} {found[package]} is outside of what was tested.", f"{pip} {asked}")
    return found


def _numbers(text: str) -> tuple[int, ...]:
    """Return the leading numbers of a version: "2.13.0+cpu" is (2, 13, 0)."""
    numbers: list[int] = []
    for part in text.split("+")[0].split("."):
        digits = "".join(character for character in part if character.isdigit())
        if not part[:1].isdigit():
            break
        numbers.append(int(digits))
    return tuple(numbers)


def _threads(problems: list[dict[str, str]]) -> dict[str, int | None]:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    try:
        import torch

        threads = torch.get_num_threads()
    except Exception as error:  # a broken install fails in many ways; each is a finding, none may end the report
        fix = f"{sys.executable} -m pip install --force-reinstall torch"
        _add(problems, f"torch does not import ({type(error).__name__}: {_first(error)}).", fix)
        threads = None
    return {"cores": cores, "torch": threads}


def _device() -> str:
    try:
        from labkit.zoo.placement import see_gpu

        gpu = see_gpu()
    except Exception:  # torch or a driver is broken: the first is told with the threads, without the second all runs
        gpu = None
    return f"cpu; for models of the hub: cuda ({gpu})" if gpu else "cpu"


def _memory(problems: list[dict[str, str]]) -> dict[str, int | None]:
    memory = memory_mb()
    room = min((value for value in (memory["available_mb"], memory["limit_mb"]) if value is not None), default=None)
    if room is not None and room < _KERNEL_MB:
        _add(problems, f"{room} MB of memory are free; a lesson may take {_KERNEL_MB}.", "close other notebooks")
    return memory


def _models(problems: list[dict[str, str]]) -> list[str]:
    again = "restore the file (git checkout), or install labkit again"
    try:
        from labkit.zoo import models

        found = models()
    except (LabkitError, ImportError) as error:
        _add(problems, f"The shipped models cannot be read: {_first(error)}", again)
        return []
    if not found:
        _add(problems, f"No models are shipped in {data_dir()}.", "clone the repository or install again")
    for model in found:
        if not model["ok"]:
            _add(problems, f"{model['name']} is not whole: {model['problem'].splitlines()[0]}", again)
    return [model["name"] for model in found if model["ok"]]


def _lessons(problems: list[dict[str, str]]) -> list[str]:
    names = sorted(path.name for path in lessons_dir().glob("[0-9]*") if (path / f"{path.name}.ipynb").is_file())
    if not names:
        _add(problems, f"There are no lessons in {lessons_dir()}.", "clone the repository or install again")
    if not data_dir().is_dir():
        _add(problems, f"There is no data in {data_dir()}.", "unset LABKIT_DATA, or install again")
    return names


def _my(problems: list[dict[str, str]]) -> str:
    folder = my_dir()
    existing = next(path for path in (folder, *folder.resolve().parents) if path.exists())
    fix = "set LABKIT_MY to a folder of your own"
    if not os.access(existing, os.W_OK):
        _add(problems, f"{existing} is not writable, so predictions and answers cannot be kept.", fix)
    elif (free := shutil.disk_usage(existing).free // 2**20) < _DISK_MB:
        _add(problems, f"Only {free} MB are free where your work is kept.", "free some space, or " + fix)
    try:
        parsed((folder / "progress.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        pass
    except (OSError, ValueError) as error:
        _add(problems, f"{folder / 'progress.json'} is damaged: {_first(error)}", "open a lesson: it is set aside then")
    return str(folder)


def _first(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
