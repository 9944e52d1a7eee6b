"""Inside the room: run one notebook's cells and write down every answer that it checks, one JSON line each.

    python -m labkit.course.running notebook.ipynb answers.jsonl

An answer that is data is written as data, and judged where the teacher is. One that is code can only be called here:
its line holds what our checker said beside it. What our exercises know of right answers is taken out before.
"""

from __future__ import annotations

import contextlib
import json
import math
import sys
from typing import Any, TextIO

__all__ = ["from_plain", "limit", "plain"]

MEMORY, OUTPUT, PROCESSES = 4 << 30, 64 << 20, 256  # bytes, bytes in one file, processes and threads
_MOST = 100_000  # characters of one answer


def limit() -> None:
    """Limit this process and all it starts, for good."""
    with contextlib.suppress(ImportError):  # Windows has no such limits
        import resource

        for what, most in (("DATA", MEMORY), ("FSIZE", OUTPUT), ("NPROC", PROCESSES), ("CORE", 0)):
            kind = getattr(resource, f"RLIMIT_{what}", None)
            if kind is not None:
                with contextlib.suppress(ValueError, OSError):
                    resource.setrlimit(kind, (most, most))


def plain(value: Any) -> Any:
    """Return an answer as JSON can hold it; raise `TypeError` when it is more than data."""
    if value is None or type(value) in (bool, str):
        return value
    if type(value) is int:
        return {"int": str(value)} if abs(value) < 10**300 else _refuse(value)
    if type(value) is float:
        return value if math.isfinite(value) else {"float": repr(value)}
    if type(value) in (list, tuple, set):
        return {type(value).__name__: [plain(item) for item in value]}
    if type(value) is dict:
        return {"dict": [[plain(key), plain(item)] for key, item in value.items()]}
    if hasattr(value, "tolist") and type(value).__module__.split(".")[0] in ("numpy", "torch"):
        kind = "number" if getattr(value, "ndim", 0) == 0 and type(value).__module__ == "numpy" else "tensor"
        return plain(value.tolist()) if kind == "number" else {"tensor": plain(value.tolist())}
    return _refuse(value)


def from_plain(kept: Any) -> Any:
    """Return the answer that `plain` has written; raise `ValueError` for anything else."""
    if kept is None or type(kept) in (bool, str, float):
        return kept
    if type(kept) is not dict or len(kept) != 1:
        raise ValueError("no answer that labkit has written")
    ((kind, inner),) = kept.items()
    if kind in ("int", "float") and type(inner) is str and len(inner) < 400:
        return {"int": int, "float": float}[kind](inner)
    if kind in ("list", "tuple", "set") and type(inner) is list:
        return {"list": list, "tuple": tuple, "set": set}[kind](from_plain(item) for item in inner)
    if kind == "dict" and type(inner) is list:
        return {from_plain(key): from_plain(item) for key, item in inner}
    if kind == "tensor":
        import torch

        return torch.tensor(from_plain(inner))
    raise ValueError("no answer that labkit has written")


def _refuse(value: Any) -> Any:
    raise TypeError(type(value).__name__)


class Witness:
    """Writes down each answer as it is judged."""

    def __init__(self, file: TextIO):
        self.file = file

    def __call__(self, exercise: Any, answer: Any, outcome: Any) -> None:
        if outcome.status == "not attempted":
            return
        line = {"exercise": exercise.id, "status": outcome.status}
        with contextlib.suppress(Exception):  # whatever an answer may be: then it is code
            answered = plain(answer)
            if len(json.dumps(answered)) <= _MOST:
                line["answer"] = answered
        self.say(line)

    def say(self, line: dict[str, Any]) -> None:
        """Write one line, whole and at once: the notebook may not come to its end."""
        self.file.write(json.dumps(line) + "\n")
        self.file.flush()


def _take_out_answers() -> None:
    from .catalogue import definitions

    for lesson in definitions().values():
        for exercise in lesson.exercises:
            for name, nothing in (("answer", None), ("solution", ""), ("typical_wrong", ())):
                object.__setattr__(exercise, name, nothing)


def main(notebook: str, record: str) -> None:
    """Run the cells of `notebook` and fill `record`."""
    with open(notebook, encoding="utf-8") as file:
        cells = json.load(file)["cells"]
    from IPython.core.interactiveshell import InteractiveShell

    from . import exercises

    _take_out_answers()
    limit()
    with open(record, "a", encoding="utf-8") as file:
        witness = Witness(file)
        exercises.WITNESSES.append(witness)
        shell = InteractiveShell.instance()
        told = False
        for number, cell in enumerate((cell for cell in cells if cell["cell_type"] == "code"), start=1):
            source = cell["source"] if isinstance(cell["source"], str) else "".join(cell["source"])
            problem = shell.run_cell(source, store_history=False).error_in_exec
            if problem is not None and not told:
                told = True
                witness.say({"error": f"cell {number}: {type(problem).__name__}: {problem}"[:300]})
        witness.say({"end": True})


if __name__ == "__main__":
    main(*sys.argv[1:3])
